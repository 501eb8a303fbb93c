-- Sets a Snowflake account up for Martian Moments. Run once, as ACCOUNTADMIN or as roles with the same rights; running it
-- again changes nothing. Put the public key's text (without its first and last line) where <public key> stands.

use role ACCOUNTADMIN;

create role if not exists MARS_LOADER comment = 'Jobs of Martian Moments: load bronze, run dbt';
grant role MARS_LOADER to role SYSADMIN;

create warehouse if not exists MARS_WH
  warehouse_size = xsmall
  auto_suspend = 60
  auto_resume = true
  initially_suspended = true
  statement_timeout_in_seconds = 3600
  comment = 'Loads and dbt runs of Martian Moments';
grant usage on warehouse MARS_WH to role MARS_LOADER;

create database if not exists MARS comment = 'Every photo and every drive of the Mars rovers';
create schema if not exists MARS.BRONZE comment = 'What the sources said, one row per object';
create schema if not exists MARS.SILVER comment = 'One row per thing: photos, drives, cameras, gaps';
create schema if not exists MARS.GOLD comment = 'Answers: summaries per rover, camera and day';

grant usage on database MARS to role MARS_LOADER;
grant usage, create table, create view, create stage on schema MARS.BRONZE to role MARS_LOADER;
grant usage, create table, create view on schema MARS.SILVER to role MARS_LOADER;
grant usage, create table, create view on schema MARS.GOLD to role MARS_LOADER;

create user if not exists MARS_JOBS
  type = service
  default_role = MARS_LOADER
  default_warehouse = MARS_WH
  default_namespace = MARS.BRONZE
  comment = 'Jobs of Martian Moments';
alter user MARS_JOBS set rsa_public_key = '<public key>';
grant role MARS_LOADER to user MARS_JOBS;

-- For people: read silver and gold, also of tables that are made later; and bronze, for `mars trace`.
create role if not exists MARS_READER comment = 'Analysts of Martian Moments';
grant usage on warehouse MARS_WH to role MARS_READER;
grant usage on database MARS to role MARS_READER;
grant usage on schema MARS.BRONZE to role MARS_READER;
grant usage on schema MARS.SILVER to role MARS_READER;
grant usage on schema MARS.GOLD to role MARS_READER;
grant select on all tables in schema MARS.BRONZE to role MARS_READER;
grant select on all tables in schema MARS.SILVER to role MARS_READER;
grant select on all tables in schema MARS.GOLD to role MARS_READER;
grant select on all views in schema MARS.SILVER to role MARS_READER;
grant select on all views in schema MARS.GOLD to role MARS_READER;
grant select on future tables in schema MARS.BRONZE to role MARS_READER;
grant select on future tables in schema MARS.SILVER to role MARS_READER;
grant select on future tables in schema MARS.GOLD to role MARS_READER;
grant select on future views in schema MARS.SILVER to role MARS_READER;
grant select on future views in schema MARS.GOLD to role MARS_READER;

-- Only where the account shall read the bucket itself (docs/snowflake.md): take the dashes away and put in what is yours.
-- The AWS role needs s3:GetBucketLocation and s3:ListBucket on the bucket, and s3:GetObject on what is in it. Give it nothing
-- else: then nobody can delete the archive by way of the account.
--
-- create storage integration if not exists MARS_BUCKET
--   type = external_stage
--   storage_provider = 'S3'
--   enabled = true
--   storage_aws_role_arn = '<ARN of the AWS role>'
--   storage_allowed_locations = ('s3://<bucket>/')
--   comment = 'Reads the archive of Martian Moments';
--
-- The role's trust policy in AWS needs STORAGE_AWS_IAM_USER_ARN and STORAGE_AWS_EXTERNAL_ID from here:
-- describe integration MARS_BUCKET;
--
-- The URL is the bucket's root, with its slash: the names of files are then the keys of objects.
-- create stage if not exists MARS.BRONZE.ARCHIVE
--   url = 's3://<bucket>/'
--   storage_integration = MARS_BUCKET
--   comment = 'The bucket of Martian Moments, read only';
--
-- grant usage on integration MARS_BUCKET to role MARS_LOADER;
-- grant usage on stage MARS.BRONZE.ARCHIVE to role MARS_LOADER;

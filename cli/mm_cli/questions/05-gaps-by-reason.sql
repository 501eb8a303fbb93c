-- Gaps by rover and reason
-- Sols that are not complete, what the last attempt said, and how many photos they lack.
select rover_name, state, reason, count(*) as sols, sum(promised_photos - archived_photos)::integer as missing_photos from gold.archive_progress where state not in ('complete', 'growing') group by all order by rover_name, state, reason;

-- Gaps by rover and reason
-- Sols that are not complete, what the last attempt said, and how many photos they lack.
select rover_name, state, reason, count(*) as sols, sum(greatest(promised_photos - archived_photos, 0))::integer as missing_photos from gold.archive_progress where state not in ('complete', 'growing') group by all order by rover_name, state, reason;

-- Freshness per rover
-- How new the archive is, and how far behind its sources.
select rover_name, rover_status, newest_archived_sol, sols_behind, newest_photo_at, newest_photo_age_hours, manifest_age_hours from gold.freshness order by rover_name;

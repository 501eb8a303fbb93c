-- Work and its cost by day and kind. Plans are left out: their Jobs are counted.
select
    ended_at::date as utc_date,
    kind,
    count(*) as jobs,
    count_if(outcome = 'failed') as jobs_failed,
    count_if(outcome = 'deleted') as jobs_deleted,
    coalesce(sum(requests), 0)::integer as requests,
    coalesce(sum(bytes), 0)::integer as bytes,
    coalesce(sum(iff(outcome = 'succeeded', photos, 0)), 0)::integer as photos,
    round(coalesce(sum(run_seconds), 0), 1)::double as run_seconds,
    round(coalesce(sum(cpu_seconds), 0), 2)::double as cpu_seconds,
    round(median(total_seconds), 1)::double as median_total_seconds,
    max(total_seconds) as longest_total_seconds
from {{ ref('work_history') }}
where kind <> 'plan'
group by ended_at::date, kind

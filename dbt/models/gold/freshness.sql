-- A view: ages grow by themselves. Hours are rounded to a tenth.

with

answers as (

    select rover_name, max(ingested_at) as answered_at
    from {{ ref('sol_outcomes') }}
    where is_whole
    group by rover_name

)

select
    summary.rover_name,
    summary.rover_status,
    summary.source,
    summary.max_sol as newest_promised_sol,
    summary.newest_archived_sol,
    (summary.max_sol - summary.newest_archived_sol)::integer as sols_behind,
    summary.newest_photo_at,
    round(datediff('second', summary.newest_photo_at, {{ now_utc() }}) / 3600, 1)::double as newest_photo_age_hours,
    summary.manifest_ingested_at as manifest_at,
    round(datediff('second', summary.manifest_ingested_at, {{ now_utc() }}) / 3600, 1)::double as manifest_age_hours,
    answers.answered_at::timestamp_ntz as answered_at,
    round(datediff('second', answers.answered_at, {{ now_utc() }}) / 3600, 1)::double as answer_age_hours
from {{ ref('rover_summary') }} as summary
left join answers on summary.rover_name = answers.rover_name

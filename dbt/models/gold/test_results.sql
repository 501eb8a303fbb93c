-- The last result of each data test. What a test checks stands in the models' descriptions.
select
    test_name,
    status,
    status in ('pass', 'warn') as is_good,
    failures,
    message,
    seconds,
    run_id,
    tested_at,
    last_passed_at,
    history,
    broken_rows
from {{ source('bronze', 'test_results') }}

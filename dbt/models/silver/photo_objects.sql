{{ config(tags=['loop'], cluster_by=['loaded_at']) }}

-- What fact_photos has to read, as a table of its own: an engine that knows how few rows it has reads the documents of
-- these objects and no others. Texts like ",14,15," tell sols, so that they can come along with each photo of the object.

with

touched as (

    select distinct source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending

),

answers as (

    select
        outcomes.object_key,
        outcomes.sol,
        outcomes.received_photos,
        touched.sol is not null as is_touched,
        row_number() over (
            partition by outcomes.source, outcomes.rover_name, outcomes.sol
            order by outcomes.ingested_at desc, outcomes.object_key desc
        ) = 1 as is_latest
    from {{ ref('sol_outcomes') }} as outcomes
    left join touched
        on outcomes.source = touched.source and outcomes.rover_name = touched.rover_name and outcomes.sol = touched.sol
    where outcomes.is_whole

),

objects as (

    select
        object_key,
        sum(coalesce(received_photos, 0)) as photos,
        max(iff(is_touched, 1, 0)) as touches,
        listagg(sol::varchar, ',') within group (order by sol) as whole_sols,
        listagg(iff(is_latest, sol::varchar, null), ',') within group (order by sol) as latest_sols,
        listagg(iff(is_touched, sol::varchar, null), ',') within group (order by sol) as touched_sols
    from answers
    group by object_key

)

select
    objects.object_key,
    bronze.loaded_at,
    objects.photos::integer as photos,
    objects.touches = 1 as is_touched,
    ',' || objects.whole_sols || ',' as whole_sols,
    ',' || coalesce(objects.latest_sols, '') || ',' as latest_sols,
    ',' || coalesce(objects.touched_sols, '') || ',' as touched_sols,
    (
        sum(objects.photos) over (
            order by bronze.loaded_at, objects.object_key rows between unbounded preceding and current row
        )
    )::integer as photos_so_far,
    (
        sum(objects.photos * objects.touches) over (
            order by bronze.loaded_at, objects.object_key rows between unbounded preceding and current row
        )
    )::integer as touched_photos_so_far
from objects
inner join {{ source('bronze', 'raw_photo_response') }} as bronze on objects.object_key = bronze.object_key

-- Items as NASA's raw feed of Perseverance served them, in its own words and typed: what the canonical photo beside each was made from.

select
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    photo.value:image_id::varchar as image_id,
    {{ whole_number("photo.value:id") }} as photo_id,
    {{ whole_number("photo.value:sol") }} as sol,
    {{ text_of("photo.value:raw:imageid") }} as nasa_id,
    {{ text_of("photo.value:raw:camera:instrument") }} as instrument,
    {{ text_of("photo.value:raw:camera:filter_name") }} as filter_name,
    {{ text_of("photo.value:raw:sample_type") }} as sample_type,
    {{ time_of("photo.value:raw:date_taken_utc") }} as taken_at,
    {{ text_of("photo.value:raw:date_taken_mars") }} as taken_on_mars,
    {{ time_of("photo.value:raw:date_received") }} as received_at,
    {{ whole_number("photo.value:raw:site") }} as site,
    {{ whole_number("photo.value:raw:drive") }} as drive,
    {{ finite_number("photo.value:raw:extended:sclk") }} as sclk,
    {{ finite_number("photo.value:raw:extended:mastAz") }} as mast_azimuth,
    {{ finite_number("photo.value:raw:extended:mastEl") }} as mast_elevation,
    {{ finite_number("photo.value:raw:extended:scaleFactor") }} as scale_factor,
    {{ text_of("photo.value:raw:extended:xyz") }} as xyz,
    {{ text_of("photo.value:raw:extended:subframeRect") }} as subframe,
    {{ text_of("photo.value:raw:extended:dimension") }} as dimension,
    {{ text_of("photo.value:raw:attitude") }} as attitude,
    {{ text_of("photo.value:raw:title") }} as title,
    {{ text_of("photo.value:raw:caption") }} as caption,
    photo.index::integer as photo_index,
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    (
        select object_key, source, rover_name, ingestion_date, photos
        from {{ source('bronze', 'raw_photo_response') }}
        where source_kind = 'm20-raw'
    ) as responses,
    lateral flatten(input => responses.photos) as photo

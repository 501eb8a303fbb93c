-- Items as NASA's raw feed of Perseverance served them, in its own words and typed: what the canonical photo beside each was made from.

select
    {{ item_keys() }},
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
    {{ item_place() }}
from
    {{ items_of('m20-raw') }}

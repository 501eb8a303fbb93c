-- Items as NASA's raw images of Curiosity served them, in its own words and typed: what the canonical photo beside each was made from.

select
    {{ item_keys() }},
    {{ text_of("photo.value:raw:imageid") }} as nasa_id,
    {{ text_of("photo.value:raw:instrument") }} as instrument,
    {{ text_of("photo.value:raw:extended:filter_name") }} as filter_name,
    {{ text_of("photo.value:raw:extended:sample_type") }} as sample_type,
    {{ flag_of("photo.value:raw:is_thumbnail") }} as is_thumbnail,
    {{ time_of("photo.value:raw:date_taken") }} as taken_at,
    {{ text_of("photo.value:raw:extended:lmst") }} as local_time,
    {{ time_of("photo.value:raw:date_received") }} as received_at,
    {{ whole_number("photo.value:raw:site") }} as site,
    {{ whole_number("photo.value:raw:drive") }} as drive,
    {{ finite_number("photo.value:raw:spacecraft_clock") }} as sclk,
    {{ finite_number("photo.value:raw:extended:mast_az") }} as mast_azimuth,
    {{ finite_number("photo.value:raw:extended:mast_el") }} as mast_elevation,
    {{ finite_number("photo.value:raw:scale_factor") }} as scale_factor,
    {{ text_of("photo.value:raw:xyz") }} as xyz,
    {{ text_of("photo.value:raw:subframe_rect") }} as subframe,
    {{ text_of("photo.value:raw:attitude") }} as attitude,
    {{ text_of("photo.value:raw:title") }} as title,
    {{ text_of("photo.value:raw:description") }} as description,
    {{ item_place() }}
from
    {{ items_of('msl-raw') }}

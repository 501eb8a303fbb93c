-- Items as Mars Vista's second version served them, in its own words and typed: what the canonical photo beside each was made from.

select
    {{ item_keys() }},
    {{ text_of("photo.value:raw:attributes:nasa_id") }} as nasa_id,
    {{ text_of("photo.value:raw:attributes:sample_type") }} as sample_type,
    {{ time_of("photo.value:raw:attributes:date_taken_utc") }} as taken_at,
    {{ text_of("photo.value:raw:attributes:date_taken_mars") }} as taken_on_mars,
    coalesce({{ whole_number("photo.value:raw:attributes:location:site") }}, {{ whole_number("photo.value:raw:attributes:site") }}) as site,
    coalesce({{ whole_number("photo.value:raw:attributes:location:drive") }}, {{ whole_number("photo.value:raw:attributes:drive") }}) as drive,
    {{ finite_number("photo.value:raw:attributes:telemetry:spacecraft_clock") }} as sclk,
    coalesce({{ finite_number("photo.value:raw:attributes:telemetry:mast_azimuth") }}, {{ finite_number("photo.value:raw:attributes:mast_az") }}) as mast_azimuth,
    coalesce({{ finite_number("photo.value:raw:attributes:telemetry:mast_elevation") }}, {{ finite_number("photo.value:raw:attributes:mast_el") }}) as mast_elevation,
    coalesce({{ whole_number("photo.value:raw:attributes:dimensions:width") }}, {{ whole_number("photo.value:raw:attributes:width") }}) as width,
    coalesce({{ whole_number("photo.value:raw:attributes:dimensions:height") }}, {{ whole_number("photo.value:raw:attributes:height") }}) as height,
    {{ text_of("photo.value:raw:attributes:title") }} as title,
    {{ text_of("photo.value:raw:attributes:caption") }} as caption,
    {{ text_of("photo.value:raw:attributes:credit") }} as credit,
    {{ item_place() }}
from
    {{ items_of('marsvista-v2') }}

{#- A camera's stable key: NASA's own id where there is one, else a hash of rover and name. It never changes as cameras appear. -#}
{% macro camera_key(rover_name, camera_name, nasa_camera_id) -%}
    coalesce({{ nasa_camera_id }}::varchar, md5({{ rover_name }} || '|' || {{ camera_name }}))
{%- endmacro %}

{#- UTC timestamp, to the millisecond, of a Unix time; null for one that is thousands of years away. -#}
{% macro unix_to_timestamp(unix) -%}
    dateadd(
        'millisecond', iff(abs({{ unix }}) < 1e11, round(({{ unix }}) * 1000), null)::integer, '1970-01-01'::timestamp_ntz
    )
{%- endmacro %}

{#- The present time in UTC; a macro, so that unit tests can set it. -#}
{% macro now_utc() -%} sysdate() {%- endmacro %}

{#-
    Metres along a great circle between two points, degrees, of a sphere of 3,396,190 m: that radius gives the lengths of NASA's layers.
    Snowflake's HAVERSINE measures on the Earth.
-#}
{% macro mars_distance_m(latitude0, longitude0, latitude1, longitude1) -%}
    2 * 3396190 * asin(least(1, sqrt(
        power(sin(radians({{ latitude1 }} - {{ latitude0 }}) / 2), 2)
        + cos(radians({{ latitude0 }})) * cos(radians({{ latitude1 }})) * power(sin(radians({{ longitude1 }} - {{ longitude0 }}) / 2), 2)
    )))
{%- endmacro %}

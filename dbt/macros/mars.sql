{#- A camera's stable key: NASA's own id where there is one, else a hash of rover and name. It never changes as cameras appear. -#}
{% macro camera_key(rover_name, camera_name, nasa_camera_id) -%}
    coalesce({{ nasa_camera_id }}::varchar, md5({{ rover_name }} || '|' || {{ camera_name }}))
{%- endmacro %}

{#- UTC timestamp, to the millisecond, of a Unix time. -#}
{% macro unix_to_timestamp(unix) -%}
    dateadd('millisecond', round(({{ unix }}) * 1000)::integer, '1970-01-01'::timestamp_ntz)
{%- endmacro %}

{#- The present time in UTC; a macro, so that unit tests can set it. -#}
{% macro now_utc() -%} sysdate() {%- endmacro %}

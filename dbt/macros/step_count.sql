{#-
    How many steps of `photos_per_step` photos there are, by the running sum in column `so_far`; 1 before the table exists.
    Asked when a model is compiled, because the number of steps shapes the statement.
-#}
{% macro step_count(objects, so_far) -%}
    {%- if not execute or load_relation(objects) is none -%}
        {{ return(1) }}
    {%- endif -%}
    {%- set query -%}
        select (floor(coalesce(max({{ so_far }}), 0) / {{ var('photos_per_step') }}) + 1)::integer from {{ objects }}
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()[0] | int) }}
{%- endmacro %}

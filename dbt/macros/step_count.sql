{#-
    How many steps of `photos_per_step` photos the outcomes in `scope` (a condition) need; 1 before the table exists.
    Asked when a model is compiled, because the number of steps shapes the statement.
-#}
{% macro step_count(outcomes, scope) -%}
    {%- if not execute or load_relation(outcomes) is none -%}
        {{ return(1) }}
    {%- endif -%}
    {%- set query -%}
        select greatest(1, ceil(coalesce(sum(received_photos), 0) / {{ var('photos_per_step') }}))::integer
        from {{ outcomes }}
        where {{ scope }}
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()[0] | int) }}
{%- endmacro %}

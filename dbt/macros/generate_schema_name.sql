{#- Schemas are BRONZE, SILVER and GOLD as written, not `<target schema>_<custom schema>`: users and Jobs name them. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

-- The order comes with each run from the configured sources (variable `source_order`: names by rover, best first).

{% set order = var('source_order') %}
{%- set rows = [] -%}
{%- for rover, names in order.items() -%}
    {%- for name in names -%}
        {%- do rows.append("('" ~ (rover | replace("'", "''")) ~ "', '" ~ (name | replace("'", "''")) ~ "', " ~ loop.index ~ ")") -%}
    {%- endfor -%}
{%- endfor -%}
select
    column1::varchar as rover_name,
    column2::varchar as source,
    column3::integer as precedence
from values
    {{ rows | join(",\n    ") if rows else "(null, null, null)" }}
where column1 is not null

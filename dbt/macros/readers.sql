{#-
    Readers of values that come from outside, out of a VARIANT. Each is total: what is not of its kind is null, and no value makes a
    statement fail. Nothing else in this project casts what comes from outside (a lint says so).
-#}

{#- A text; objects and lists as their JSON. -#}
{% macro text_of(value) -%}
    ({{ value }})::varchar
{%- endmacro %}

{#- A whole number of at most 15 digits, whether it came as a number or as text. -#}
{% macro whole_number(value) -%}
    try_cast(regexp_substr(({{ value }})::varchar, '^-?[0-9]{1,15}([.]0*)?$') as double)::integer
{%- endmacro %}

{#- A finite number, whether it came as a number or as text. -#}
{% macro finite_number(value) -%}
    iff(abs(try_to_double(({{ value }})::varchar)) <= 1e300, try_to_double(({{ value }})::varchar), null)
{%- endmacro %}

{#- A sol: a whole number up to 99,999, as file names have five digits for it. -#}
{% macro sol_of(value) -%}
    iff({{ whole_number(value) }} between 0 and 99999, {{ whole_number(value) }}, null)
{%- endmacro %}

{#- A reading of a spacecraft clock in whole seconds, above 0 and of at most 10 digits. -#}
{% macro clock_of(value) -%}
    iff({{ whole_number(value) }} between 1 and 9999999999, {{ whole_number(value) }}, null)
{%- endmacro %}

{#- A reading of a spacecraft clock in seconds with their fraction, in the same range. -#}
{% macro fine_clock_of(value) -%}
    iff({{ finite_number(value) }} between 1 and 9999999999, {{ finite_number(value) }}, null)
{%- endmacro %}

{#- A date, YYYY-MM-DD, of the years 1000 to 2999. -#}
{% macro date_of(value) -%}
    try_to_date(regexp_substr(({{ value }})::varchar, '^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$'))
{%- endmacro %}

{#- A time in UTC as RFC 3339 writes it, with or without the Z. -#}
{% macro time_of(value) -%}
    try_to_timestamp_ntz(
        replace(regexp_substr(({{ value }})::varchar, '^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z?$'), 'Z', '')
    )
{%- endmacro %}

{#- Whether it is true: as a JSON value, or the text of it. -#}
{% macro flag_of(value) -%}
    case lower(({{ value }})::varchar) when 'true' then true when 'false' then false end
{%- endmacro %}

{#- Names of a VARIANT array of plain names, joined by commas, in its order; null for a missing or null array. -#}
{% macro joined_names(names) -%}
    translate(({{ names }})::varchar, '[]" ', '')
{%- endmacro %}

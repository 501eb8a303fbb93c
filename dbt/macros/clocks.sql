{#-
    Pairs of a reading of Perseverance's clock and the Unix time that NASA gives with it, seconds. The clock drifts, and its drift
    changes: one line through all of it misses by up to 2.9 s. Between two pairs time is interpolated; the first and the last
    two are carried on beyond them. Near a pair that is right to 0.001 s.
-#}
{% macro clock_anchors() -%}
    {{ return([
        (675828717.752, 1622556877.984),
        (726421425.133, 1673149984.187),
        (731848569.851, 1678577171.688),
        (744724219.997, 1691452923.332),
        (745756834.599, 1692485546.074),
        (745951935.934, 1692680648.947),
        (798697310.734, 1745426444.575),
        (841393387.640, 1788122861.638),
    ]) }}
{%- endmacro %}

{#- Unix time of a reading of Perseverance's clock. -#}
{% macro anchored_clock_to_unix(sclk) -%}
    {%- set anchors = clock_anchors() -%}
    case
        {%- for number in range(1, anchors | length) %}
        {%- set sclk0, unix0 = anchors[number - 1] %}
        {%- set sclk1, unix1 = anchors[number] %}
        {{ 'else' if loop.last else 'when ' ~ sclk ~ ' < ' ~ sclk1 ~ ' then' }} {{ unix0 }} + ({{ sclk }} - {{ sclk0 }})::double * {{ (unix1 - unix0) / (sclk1 - sclk0) }}
        {%- endfor %}
    end
{%- endmacro %}

{#- Unix time of a spacecraft clock value; `rover` is the alias of ref_rovers. -#}
{% macro clock_to_unix(sclk, rover) -%}
    case
        when {{ rover }}.is_clock_anchored then {{ anchored_clock_to_unix(sclk) }}
        else {{ rover }}.clock_unix + {{ rover }}.clock_rate * ({{ sclk }} - {{ rover }}.clock_sclk)
    end
{%- endmacro %}

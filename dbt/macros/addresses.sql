{#-
    Addresses of one picture in other sizes, as NASA's sites name them. A name that fits no grammar has the one address that was served.
    Perseverance: _320, _800 and _1200 pixels wide, and a PNG in full. Curiosity: -thm beside the full size. Spirit and Opportunity: -THM, -BR, and
    the full size without either.
-#}
{% macro thumbnail_address(rover_name, img_src) -%}
    case
        when {{ rover_name }} = 'Perseverance' then regexp_replace({{ img_src }}, '_(320|800|1200)[.]jpg$', '_320.jpg')
        when {{ rover_name }} = 'Curiosity' then regexp_replace({{ img_src }}, '(-thm)?[.](jpg|JPG)$', '-thm.jpg')
        else regexp_replace({{ img_src }}, '(-BR|-THM)?[.]JPG$', '-THM.JPG')
    end
{%- endmacro %}

{% macro small_address(rover_name, img_src) -%}
    case
        when {{ rover_name }} = 'Perseverance' then regexp_replace({{ img_src }}, '_(320|800|1200)[.]jpg$', '_800.jpg')
        when {{ rover_name }} = 'Curiosity' then {{ img_src }}
        else regexp_replace({{ img_src }}, '(-BR|-THM)?[.]JPG$', '-BR.JPG')
    end
{%- endmacro %}

{% macro full_address(rover_name, img_src) -%}
    case
        when {{ rover_name }} = 'Perseverance' then regexp_replace({{ img_src }}, '_(320|800|1200)[.]jpg$', '.png')
        when {{ rover_name }} = 'Curiosity' then regexp_replace({{ img_src }}, '-thm[.]', '.')
        else regexp_replace({{ img_src }}, '(-BR|-THM)[.]JPG$', '.JPG')
    end
{%- endmacro %}

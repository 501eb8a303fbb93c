{#-
    NASA's id of the picture at an address: the stem of its file's name without the suffix that tells a size. It is the same
    expression as `mm_contracts.photos.image_id`, and a test compares the two.
-#}
{% macro image_id_of(img_src) -%}
    nullif(
        regexp_replace(
            split_part(split_part(split_part(split_part({{ img_src }}, '?', 1), '#', 1), '/', -1), '.', 1), '(_(320|800|1200)|-(BR|THM))$', ''
        ),
        ''
    )
{%- endmacro %}

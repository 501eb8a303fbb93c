{#-
    What the file name of a picture tells. There are five grammars; within one, parts stand at fixed places, counted from 1:

      m20         NLF_0458_0707590354_274ECM_N0260218NCAM13457_04_195J01_1200.jpg       Perseverance
                  prefix 1-3 (instrument, eye, filter), sol 5-8, clock 10-19 and ms 21-23, product 24-26, geometry 27, thumbnail flag 28
                  (T or N), site 29-31, drive 32-35, sequence 36-44, tile 46-47 (engineering cameras), downsampling 49 (halvings),
                  producer 52, version 52-54
      msl         FLB_486265257EDR_F0481570FHAZ00323M_.JPG                               Curiosity: engineering cameras, ChemCam
                  camera 1-3, clock 5-13, product 14-16, size 18 (Full, Subframe, Downsampled, Thumbnail, Mixed), site 19-21,
                  drive 22-25, sequence 26-34, producer and version 35-36
      msss        1000MR0044630000103744E01_DXXX.jpg                                     Curiosity: mast, arm and descent cameras
                  sol 1-4, camera 5-6, sequence 7-12, command 13-15, picture 16-22, product 23, version 24-25 (hexadecimal)
      msss_short  0000MD9999000002I1_DXXX.jpg                                            the same, of the first sols
                  sol 1-4, camera 5-6, sequence 7-10, picture 11-16, product 17, version 18
      mer         2P126468064ESFA2B7P2001R7M1-BR.JPG                                     Spirit and Opportunity
                  rover 1, camera 2, clock 3-11, product 12-14, site 15-16, drive 17-18, sequence 19-23, eye 24, filter 25,
                  producer and version 26-27

    Sources: the camera software interface specifications of the missions (JPL D-22846 for MER, D-38107 for MSL, D-99960 for
    Mars 2020; MSSS-MMM for the cameras of Malin Space Science Systems), and names that NASA's services gave.
    A name that fits none has the grammar null, and tells nothing: whatever is read of it is null, and stops nothing.
-#}
{% macro name_grammar(rover_name, file_name) -%}
    case
        when {{ rover_name }} = 'Perseverance' then
            iff({{ name_matches(file_name, '^[A-Z0-9]{3}_[0-9]{4}_[0-9]{10}_[0-9]{3}[A-Z0-9]{3}.[NT][0-9]{7}[A-Z_]{4}[0-9]{5}_[0-9A-Z_]{6}[A-Z][0-9]{2}') }}, 'm20', null)
        when {{ rover_name }} = 'Curiosity' then
            case
                when {{ name_matches(file_name, '^[A-Z]{2}[AB0]_[0-9]{9}(EDR|PRC)[_A-Z][A-Z][0-9]{7}[A-Z_]{4}[0-9]{5}') }} then 'msl'
                when {{ name_matches(file_name, '^[0-9]{4}M[LRHD][0-9]{16}[A-U][0-9A-F]{2}_D') }} then 'msss'
                when {{ name_matches(file_name, '^[0-9]{4}M[LRHD][0-9]{10}[A-U][0-9A-F]_D') }} then 'msss_short'
            end
        when {{ rover_name }} in ('Spirit', 'Opportunity') then
            iff({{ name_matches(file_name, '^[12][A-Z][0-9]{9}[A-Z]{3}[0-9A-Z#]{4}[A-Z][0-9]{4}[A-Z][0-9A-Z][A-Z][0-9A-Z]') }}, 'mer', null)
    end
{%- endmacro %}

{% macro name_matches(file_name, pattern) -%}
    regexp_substr({{ file_name }}, '{{ pattern }}') is not null
{%- endmacro %}

{#-
    One part of a name. `places` gives (from, length) by grammar; a grammar that is not in it has no such part.
-#}
{% macro name_part(grammar, file_name, places) -%}
    case {{ grammar }}
        {%- for name, place in places.items() %}
        when '{{ name }}' then substr({{ file_name }}, {{ place[0] }}, {{ place[1] }})
        {%- endfor %}
    end
{%- endmacro %}

{#- Spacecraft clock, whole seconds. Names of grammar msss have none. -#}
{% macro name_sclk(grammar, file_name) -%}
    try_to_number({{ name_part(grammar, file_name, {'m20': (10, 10), 'msl': (5, 9), 'mer': (3, 9)}) }})::integer
{%- endmacro %}

{#- Milliseconds beside the clock. -#}
{% macro name_sclk_ms(grammar, file_name) -%}
    try_to_number({{ name_part(grammar, file_name, {'m20': (21, 3)}) }})::integer
{%- endmacro %}

{#- L or R of a camera that is one of a pair, else null. -#}
{% macro name_eye(grammar, file_name) -%}
    case {{ grammar }}
        when 'm20' then regexp_substr({{ file_name }}, '^[NFRZ]([LR])', 1, 1, 'e', 1)
        when 'msl' then regexp_substr({{ file_name }}, '^[FRN]([LR])', 1, 1, 'e', 1)
        when 'mer' then regexp_substr(substr({{ file_name }}, 24, 1), '[LR]')
        when 'msss' then regexp_substr(substr({{ file_name }}, 5, 2), 'M([LR])', 1, 1, 'e', 1)
        when 'msss_short' then regexp_substr(substr({{ file_name }}, 5, 2), 'M([LR])', 1, 1, 'e', 1)
    end
{%- endmacro %}

{#- Filter or colour of the name. -#}
{% macro name_filter(grammar, file_name) -%}
    {{ name_part(grammar, file_name, {'m20': (3, 1), 'mer': (25, 1)}) }}
{%- endmacro %}

{#- Version as in the name: J01, E0B or 1. Versions of one product sort by it as texts. -#}
{% macro name_version(grammar, file_name) -%}
    nullif({{ name_part(grammar, file_name, {'m20': (52, 3), 'msl': (36, 1), 'msss': (23, 3), 'msss_short': (17, 2), 'mer': (27, 1)}) }}, '_')
{%- endmacro %}

{#- Tile of a frame that is sent in several. -#}
{% macro name_tile(grammar, file_name) -%}
    try_to_number(case {{ grammar }} when 'm20' then regexp_substr(substr({{ file_name }}, 45, 4), '_([0-9]{2})_', 1, 1, 'e', 1) end)::integer
{%- endmacro %}

{#- Site counter: how often the rover has declared a new origin of its coordinates. -#}
{% macro name_site(grammar, file_name) -%}
    case
        when {{ grammar }} = 'mer' then {{ mer_counter('substr(' ~ file_name ~ ', 15, 2)') }}
        else try_to_number({{ name_part(grammar, file_name, {'m20': (29, 3), 'msl': (19, 3)}) }})
    end::integer
{%- endmacro %}

{#- Drive counter: how far the rover has moved within its site, in steps of its wheels. -#}
{% macro name_drive(grammar, file_name) -%}
    case
        when {{ grammar }} = 'mer' then {{ mer_counter('substr(' ~ file_name ~ ', 17, 2)') }}
        else try_to_number({{ name_part(grammar, file_name, {'m20': (32, 4), 'msl': (22, 4)}) }})
    end::integer
{%- endmacro %}

{#-
    A counter of Spirit's and Opportunity's names, two characters of base 36 in the order of JPL D-22846: 00 to 99 are decimal,
    A0 to ZZ go on from 100 to 1035, 0A to 9Z from 1036 to 1295. Beyond it the name has ##, and the counter is null.
-#}
{% macro mer_counter(text) -%}
    case
        when {{ name_matches(text, '^[0-9][0-9]$') }} then try_to_number({{ text }})
        when {{ name_matches(text, '^[A-Z][0-9A-Z]$') }} then
            100 + 36 * (position(substr({{ text }}, 1, 1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') - 1)
            + position(substr({{ text }}, 2, 1), '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ') - 1
        when {{ name_matches(text, '^[0-9][A-Z]$') }} then
            1036 + 26 * try_to_number(substr({{ text }}, 1, 1))
            + position(substr({{ text }}, 2, 1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') - 1
    end
{%- endmacro %}

{#- Command sequence that took the picture, like NCAM13457 or P1214; for grammar msss with its camera, like MR004463. -#}
{% macro name_sequence(grammar, file_name) -%}
    {{ name_part(grammar, file_name, {'m20': (36, 9), 'msl': (26, 9), 'msss': (5, 8), 'msss_short': (5, 6), 'mer': (19, 5)}) }}
{%- endmacro %}

{#- Kind of product as in the name, like ECM, EDR, PRC, EFF, or one letter. -#}
{% macro name_product(grammar, file_name) -%}
    {{ name_part(grammar, file_name, {'m20': (24, 3), 'msl': (14, 3), 'msss': (23, 1), 'msss_short': (17, 1), 'mer': (12, 3)}) }}
{%- endmacro %}

{#- Number of the picture in the memory of its camera, which grows with time; only names of grammar msss have it. -#}
{% macro name_picture_number(grammar, file_name) -%}
    try_to_number({{ name_part(grammar, file_name, {'msss': (16, 7), 'msss_short': (11, 6)}) }})::integer
{%- endmacro %}

{#- Pixels of the camera, along a side, that became one of the picture; null where the name does not tell. -#}
{% macro name_downsampling(grammar, file_name) -%}
    case
        when {{ grammar }} = 'm20' then power(2, try_to_number(substr({{ file_name }}, 49, 1)))::integer
        when {{ grammar }} = 'msl' and substr({{ file_name }}, 18, 1) in ('F', 'S') then 1
        when {{ grammar }} = 'msl' and substr({{ file_name }}, 18, 1) = 'D' then 2
        when {{ grammar }} = 'mer' and substr({{ file_name }}, 12, 3) in ('EFF', 'ESF') then 1
        when {{ grammar }} = 'mer' and substr({{ file_name }}, 12, 3) = 'EDN' then 2
    end
{%- endmacro %}

{#- Whether the name says that it is a thumbnail. Letters of grammar msss: stills G to I, video O to Q, focus merge T, range map U. -#}
{% macro name_is_thumbnail(grammar, file_name) -%}
    case {{ grammar }}
        when 'm20' then substr({{ file_name }}, 28, 1) = 'T' or contains({{ file_name }}, '_320.')
        when 'msl' then substr({{ file_name }}, 18, 1) = 'T'
        when 'msss' then contains('GHIOPQTU', substr({{ file_name }}, 23, 1))
        when 'msss_short' then contains('GHIOPQTU', substr({{ file_name }}, 17, 1))
        when 'mer' then substr({{ file_name }}, 12, 3) = 'ETH' or contains({{ file_name }}, '-THM')
        else false
    end
{%- endmacro %}

{#- Whether the picture shows distances, not light: range maps that a camera works out of a stack in focus. -#}
{% macro name_is_range_map(grammar, file_name) -%}
    coalesce({{ name_part(grammar, file_name, {'msss': (23, 1), 'msss_short': (17, 1)}) }} in ('S', 'U'), false)
{%- endmacro %}

{#-
    What all products of one exposure share: tiles, versions, thumbnails, colours, resolutions. Null where the name does not tell.
-#}
{% macro name_frame(grammar, file_name) -%}
    case {{ grammar }}
        when 'm20' then substr({{ file_name }}, 1, 2) || substr({{ file_name }}, 4, 20) || '_' || substr({{ file_name }}, 36, 9)
        when 'msl' then substr({{ file_name }}, 1, 13) || '_' || substr({{ file_name }}, 26, 9)
        when 'msss' then substr({{ file_name }}, 1, 22)
        when 'msss_short' then substr({{ file_name }}, 1, 16)
        when 'mer' then substr({{ file_name }}, 1, 11) || '_' || substr({{ file_name }}, 19, 7)
    end
{%- endmacro %}

{#-
    What the two eyes' exposures of one moment share: clock and sequence, without the eye. Null for cameras without a pair, and where
    the name has no clock: the mast's eyes number their pictures apart.
-#}
{% macro name_pair(grammar, file_name, eye) -%}
    case
        when {{ eye }} is null then null
        when {{ grammar }} = 'm20' then substr({{ file_name }}, 1, 1) || substr({{ file_name }}, 4, 16) || '_' || substr({{ file_name }}, 36, 9)
        when {{ grammar }} = 'msl' then substr({{ file_name }}, 1, 1) || substr({{ file_name }}, 3, 11) || '_' || substr({{ file_name }}, 26, 9)
        when {{ grammar }} = 'mer' then substr({{ file_name }}, 1, 11) || '_' || substr({{ file_name }}, 19, 5)
    end
{%- endmacro %}

{#-
    What a picture's product is, apart from how it was compressed: of the mast, arm and descent cameras all stills are one kind, lossless
    or not, and so are all frames of a video and all merges of a stack in focus; elsewhere it is the product itself.
-#}
{% macro name_kind(grammar, file_name) -%}
    case
        when {{ grammar }} in ('msss', 'msss_short') then
            case
                when contains('ABCDEFGHI', {{ name_product(grammar, file_name) }}) then 'still'
                when contains('JKLMNOPQ', {{ name_product(grammar, file_name) }}) then 'video'
                when contains('RT', {{ name_product(grammar, file_name) }}) then 'merge'
                else 'range'
            end
        else {{ name_product(grammar, file_name) }}
    end
{%- endmacro %}

{#- By which a newer version sorts after an older one; of grammar msss a lossless picture (A to C, J, K) after a compressed one. -#}
{% macro version_rank(grammar, version) -%}
    iff({{ grammar }} in ('msss', 'msss_short'),
        iff(contains('ABCJK', substr({{ version }}, 1, 1)), '1', '0') || substr({{ version }}, 2) || {{ version }},
        coalesce({{ version }}, ''))
{%- endmacro %}

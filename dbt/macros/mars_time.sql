{#-
    Time on Mars, after M. Allison and M. McEwen, "A post-Pathfinder evaluation of areocentric solar coordinates with improved
    timing recipes for Mars seasonal/diurnal climate studies", Planet. Space Sci. 48 (2000), 215-235, as NASA GISS's Mars24 uses it
    (https://www.giss.nasa.gov/tools/mars24/help/algorithm.html; the equations' numbers are that page's). Its two worked examples are
    tests. Good to about 1 s of time and 0.01 degrees of Ls for the years of the rovers. Angles are degrees, times of day are hours
    of which a sol has 24, longitudes are east. An expression that is given is repeated often: give a column.
-#}

{#- Seconds of a Martian solar day (sol). -#}
{% macro sol_seconds() -%} 88775.244 {%- endmacro %}

{#- Hours of a mission's own clock, 0 to below 24, of a Unix time. -#}
{% macro mission_hours(unix, midnight0_unix) -%}
    {{ hours_of_day('((' ~ unix ~ ' - ' ~ midnight0_unix ~ ') / ' ~ sol_seconds() ~ ')') }}
{%- endmacro %}

{#- Hours, 0 to below 24, of a number of sols, by its fraction. -#}
{% macro hours_of_day(sols) -%}
    ({{ sols }} - floor({{ sols }})) * 24
{%- endmacro %}

{#-
    Unix time of the midnight of the mission's clock at which a sol begins; `rover` is the alias of ref_rovers. Where the mission
    counted a night twice (ref_rovers.midnight_shift_sol), all later sols begin one later.
-#}
{% macro sol_midnight(sol, rover) -%}
    ({{ rover }}.midnight0_unix
        + ({{ sol }} + iff({{ sol }} > {{ rover }}.midnight_shift_sol, 1, 0)) * {{ sol_seconds() }})
{%- endmacro %}

{#- Seconds by which terrestrial time leads UTC: 32.184 and the leap seconds, of which those since 1999 matter here (A-4). -#}
{% macro tt_minus_utc(unix) -%}
    case
        when {{ unix }} < 1136073600 then 64.184
        when {{ unix }} < 1230768000 then 65.184
        when {{ unix }} < 1341100800 then 66.184
        when {{ unix }} < 1435708800 then 67.184
        when {{ unix }} < 1483228800 then 68.184
        else 69.184
    end
{%- endmacro %}

{#- Days of terrestrial time since 2000-01-01 12:00 TT (A-6). -#}
{% macro days_since_j2000(unix) -%}
    (({{ unix }} - 946728000 + {{ tt_minus_utc(unix) }}) / 86400::double)
{%- endmacro %}

{#- Equation of centre, true minus mean anomaly, with the seven largest perturbations by planets (B-1, B-3, B-4). -#}
{% macro equation_of_centre(j2000) -%}
    {%- set anomaly = 'radians(19.3871 + 0.52402073 * ' ~ j2000 ~ ')' -%}
    ((10.691 + 0.0000003 * {{ j2000 }}) * sin({{ anomaly }})
        + 0.623 * sin(2 * {{ anomaly }})
        + 0.050 * sin(3 * {{ anomaly }})
        + 0.005 * sin(4 * {{ anomaly }})
        + 0.0005 * sin(5 * {{ anomaly }})
        {%- for amplitude, years, phase in [
            (0.0071, 2.2353, 49.409), (0.0057, 2.7543, 168.173), (0.0039, 1.1177, 191.837), (0.0037, 15.7866, 21.736),
            (0.0021, 2.1354, 15.704), (0.0020, 2.4694, 95.528), (0.0018, 32.8493, 49.095),
        ] %}
        + {{ amplitude }} * cos(radians(0.985626 * {{ j2000 }} / {{ years }} + {{ phase }}))
        {%- endfor %})
{%- endmacro %}

{#-
    Areocentric solar longitude, counted on from the equinox of 1998-07-14 (B-2, B-5). Ls is its remainder by 360; its turns
    count Mars years.
-#}
{% macro solar_longitude_counted(j2000, equation_of_centre) -%}
    (270.3871 + 0.524038496 * {{ j2000 }} + {{ equation_of_centre }})
{%- endmacro %}

{#- Ls, 0 to below 360, of the longitude that counts on. -#}
{% macro solar_longitude(counted) -%}
    ({{ counted }} - 360 * floor({{ counted }} / 360))
{%- endmacro %}

{#- Mars year (R. T. Clancy's count: year 1 began on 1955-04-11, year 24 on 1998-07-14) of the longitude that counts on. -#}
{% macro mars_year(counted) -%}
    (24 + floor({{ counted }} / 360))::integer
{%- endmacro %}

{#- Season of the northern hemisphere by Ls: 90 degrees each, from the vernal equinox. The southern one has the opposite. -#}
{% macro season(ls) -%}
    case
        when {{ ls }} < 90 then 'northern spring'
        when {{ ls }} < 180 then 'northern summer'
        when {{ ls }} < 270 then 'northern autumn'
        when {{ ls }} < 360 then 'northern winter'
    end
{%- endmacro %}

{#- Equation of time in degrees, true minus mean solar time (C-1). -#}
{% macro equation_of_time(counted, equation_of_centre) -%}
    (2.861 * sin(radians(2 * {{ counted }})) - 0.071 * sin(radians(4 * {{ counted }})) + 0.002 * sin(radians(6 * {{ counted }}))
        - {{ equation_of_centre }})
{%- endmacro %}

{#- Mars Sol Date: sols since 1873-12-29 at the prime meridian; its fraction is mean time there (C-2). -#}
{% macro mars_sol_date(j2000) -%}
    (({{ j2000 }} - 4.5) / 1.0274912517 + 44796.0 - 0.0009626)
{%- endmacro %}

{#- Local mean solar time, hours, at a longitude (C-3). -#}
{% macro local_mean_solar_time(sol_date, longitude) -%}
    {{ hours_of_day('(' ~ sol_date ~ ' + ' ~ longitude ~ ' / 360)') }}
{%- endmacro %}

{#- Local true solar time, hours, at a longitude (C-4). -#}
{% macro local_true_solar_time(sol_date, longitude, equation_of_time) -%}
    {{ hours_of_day('(' ~ sol_date ~ ' + (' ~ longitude ~ ' + ' ~ equation_of_time ~ ') / 360)') }}
{%- endmacro %}

{#-
    Incremental strategy `merge_or_delete`: one atomic MERGE that also takes rows away.

    dbt's own merge can only add and update. Our facts are a function of what bronze holds now, so a row that nothing in
    bronze supports any more has to go. The model yields such a row with its key and a null in the column named by the
    config's meta `support_column` (a column that is never null in a living row).
-#}
{% macro get_incremental_merge_or_delete_sql(arg_dict) -%}
    {%- set support = config.meta_require('support_column') -%}
    {%- set keys = arg_dict['unique_key'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | list -%}
    merge into {{ arg_dict['target_relation'] }} as target
    using {{ arg_dict['temp_relation'] }} as source
    on {% for key in keys %}target.{{ key }} = source.{{ key }}{{ " and " if not loop.last }}{% endfor %}
    when matched and source.{{ support }} is null then delete
    when matched then update set
        {% for column in columns %}{{ column }} = source.{{ column }}{{ ", " if not loop.last }}{% endfor %}
    when not matched and source.{{ support }} is not null then insert
        ({{ columns | join(', ') }})
    values
        ({% for column in columns %}source.{{ column }}{{ ", " if not loop.last }}{% endfor %})
{%- endmacro %}

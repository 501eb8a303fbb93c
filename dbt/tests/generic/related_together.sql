{#- Every combination of these columns is in the other model: for example a photo's rover and camera. -#}
{% test related_together(model, columns, to) %}

select distinct {% for column in columns %}child.{{ column }}{{ ", " if not loop.last }}{% endfor %}
from {{ model }} as child
left join {{ to }} as parent
    on {% for column in columns %}child.{{ column }} = parent.{{ column }}{{ " and " if not loop.last }}{% endfor %}
where parent.{{ columns[0] }} is null

{% endtest %}

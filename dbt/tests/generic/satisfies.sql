{#- Every row makes the expression true; null is not true. -#}
{% test satisfies(model, expression, column_name=none) %}

select *
from {{ model }}
where not coalesce({{ expression }}, false)

{% endtest %}

"""The kopf operator: schedules into plans, plans into Jobs, events into loads and dbt runs."""

"""Every agent there is becomes published: its settings, as they stand, are version 1."""

from django.db import migrations

FIELDS = (
    *("instructions", "tone", "languages", "greeting", "suggested_questions"),
    *("model", "fallbacks", "temperature", "top_p", "max_tokens", "reply_delay"),
    *("handoff_on", "daily_turns_per_visitor"),
)


def price(value):
    return None if value is None else f"{value:.4f}"


def publish(apps, schema_editor):
    Agent = apps.get_model("organizations", "Agent")
    AgentVersion = apps.get_model("organizations", "AgentVersion")
    Category = apps.get_model("knowledge", "Category")
    for agent in Agent._base_manager.all():
        if agent.fallback_model:
            agent.fallbacks = [{"provider": None, "model": agent.fallback_model}]
        settings = {name: getattr(agent, name) for name in FIELDS}
        settings |= {
            "avatar": "",
            "provider": None,
            "input_price": price(agent.input_price),
            "output_price": price(agent.output_price),
            "categories": sorted(
                Category._base_manager.filter(agents=agent.pk).values_list("pk", flat=True)
            ),
        }
        agent.version = AgentVersion._base_manager.create(
            organization_id=agent.organization_id, agent=agent, number=1, settings=settings
        )
        agent.save(update_fields=["fallbacks", "version"])


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0003_providers_and_versions"),
        ("knowledge", "0001_initial"),
    ]

    operations = [migrations.RunPython(publish, migrations.RunPython.noop)]

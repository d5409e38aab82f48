from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("organizations", "0004_publish_agents")]

    operations = [migrations.RemoveField(model_name="agent", name="fallback_model")]

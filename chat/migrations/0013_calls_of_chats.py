import uuid

import django.db.models.deletion
from django.db import migrations, models

# Until now a call was known to be of a chat by its turn.
OF_TURNS = """
UPDATE chat_modelcall c SET chat_id = t.chat_id FROM chat_turn t WHERE t.id = c.turn_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0012_kinds"),
    ]

    operations = [
        migrations.AddField(
            model_name='modelcall',
            name='chat',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='calls', to='chat.chat', verbose_name='chat'),
        ),
        migrations.RunSQL(OF_TURNS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='modelcall',
            name='purpose',
            field=models.CharField(choices=[('answer', 'Answers'), ('rewrite', 'Follow-up questions'), ('embedding', 'Search'), ('tools', 'Tools'), ('summary', 'Summaries'), ('extraction', 'Memory and results'), ('moderation', 'Moderation'), ('trial', 'Trying out'), ('indexing', 'Indexing of knowledge'), ('graph', 'Knowledge graph'), ('draft', 'Drafts for the knowledge')], max_length=12, verbose_name='for'),
        ),
        # What is held now is freed by the sweeper, as that of a worker that died.
        migrations.AddField(
            model_name='reservation',
            name='bill',
            field=models.UUIDField(db_index=True, default=uuid.uuid4),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='reservation',
            name='until',
            field=models.DateTimeField(null=True),
        ),
    ]

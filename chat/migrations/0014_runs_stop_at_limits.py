from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0013_calls_of_chats"),
    ]

    operations = [
        migrations.AddField(
            model_name='testrun',
            name='error',
            field=models.CharField(blank=True, db_default='', default='', max_length=40, verbose_name='error'),
        ),
        migrations.AlterField(
            model_name='testrun',
            name='status',
            field=models.CharField(choices=[('running', 'Under way'), ('done', 'Done'), ('cancelled', 'Cancelled'), ('limit', 'Stopped at a limit')], default='running', max_length=9, verbose_name='state'),
        ),
    ]

namespace Platform.SystemTests;

/// <summary>kill -9 of what the services stand on.</summary>
[Trait("Requirement", "R197")]
public sealed class ABrokerOrDatabaseIsKilled(Suite suite)
{
    [Fact]
    public async Task The_broker_comes_back_and_the_incident_is_whole()
    {
        using var customer = await suite.ACustomer();

        await customer.SuffersAnAttack(inTheMiddle: async () =>
        {
            await suite.Stack.RabbitMq.Kill();
            await suite.Stack.RabbitMq.Start();
            await EveryServiceIsReady();
        });

        Assert.Equal(await customer.TheIncident(), (await customer.TheClosedIncident()).Incident.GetProperty("incidentId").GetString());
    }

    [Fact]
    public async Task The_database_comes_back_and_the_incident_is_whole()
    {
        using var customer = await suite.ACustomer();

        await customer.SuffersAnAttack(inTheMiddle: async () =>
        {
            await suite.Stack.Postgres.Kill();
            await suite.Stack.Postgres.Start();
            await EveryServiceIsReady();
        });

        Assert.Equal(await customer.TheIncident(), (await customer.TheClosedIncident()).Incident.GetProperty("incidentId").GetString());
    }

    private async Task EveryServiceIsReady()
    {
        foreach (var service in suite.Stack.Services.Values)
        {
            await service.Ready();
        }
    }
}

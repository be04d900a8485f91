using System.Globalization;
using Npgsql;
using Platform.Local;
using Platform.Testing;

// The stories share one suite and two cores: one after the other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(Platform.SystemTests.Suite))]

namespace Platform.SystemTests;

/// <summary>All services, PostgreSQL, RabbitMQ and two BGP speakers as real processes; looked at from outside only.</summary>
/// <remarks>
/// The services' clock begins on a 15th, so that no story meets the end of a month unless it wants to. Hold is short; quiet is long enough for
/// any service to come back after a kill before its absence looks like the attack's end.
/// </remarks>
public sealed class Suite : IAsyncLifetime
{
    private static readonly DateTimeOffset Beginning = new(2031, 1, 15, 3, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new("system-tests");
    private LocalStack? _stack;
    private int _customers;

    internal LocalStack Stack => _stack ?? throw new InvalidOperationException("InitializeAsync comes first.");

    public async ValueTask InitializeAsync() => _stack = await LocalStack.Start(new()
    {
        Folder = _folder.FullName,
        InitialClock = Beginning - TimeProvider.System.GetUtcNow(),
        Settings = new Dictionary<string, IReadOnlyDictionary<string, string?>>
        {
            ["mitigation"] = new Dictionary<string, string?>
            {
                ["Mitigations__Hold"] = "00:00:02",
                ["Mitigations__DefaultSteps__0"] = "Blackhole",
                ["Bgp__Speakers__0__DiversionNextHopIPv4"] = ARealNetwork.ScrubberAddress,
                ["Bgp__RedirectTo"] = "64500:100",
                ["Scrubbers__Agents__0__Name"] = ARealNetwork.Agent,
                ["Scrubbers__Agents__0__Token"] = ARealNetwork.Token,
                ["Scrubbers__Agents__0__Pool"] = "here",
                ["Scrubbers__Pools__0__Name"] = "here",
                ["Scrubbers__Pools__0__BitsPerSecond"] = "1000000000000", // no story is about room
                ["Scrubbers__Pools__0__Return__NextHopIPv4"] = ARealNetwork.CleanRouter,
                ["Scrubbers__Pools__0__Return__BothDirections"] = "true", // so it is there, and a SYN proxy needs it
            },
            ["detection"] = new Dictionary<string, string?> { ["Anomalies__QuietFor"] = "00:00:15" },
            ["gateway"] = new Dictionary<string, string?> { ["Session__SignInsPerMinute"] = "1000" },
        },
    });

    public async ValueTask DisposeAsync()
    {
        if (_stack is not null)
        {
            await _stack.DisposeAsync();
        }

        _folder.Dispose();
    }

    /// <summary>Trace in which a service recorded its first event of this kind about this incident, as the event says; null as long as there is none.</summary>
    internal async Task<string?> TraceOf(string service, string eventType, string incidentId)
    {
        var settings = new NpgsqlConnectionStringBuilder(Stack.Postgres.ConnectionString) { Database = service, Pooling = false };
        await using var database = NpgsqlDataSource.Create(settings);
        await using var command = database.CreateCommand(
            """
            select split_part(headers ->> 'traceparent', '-', 2) from events.mt_events
             where type = $1 and (stream_id like '%' || $2 || '%' or data::text like '%' || $2 || '%') order by seq_id limit 1
            """);
        command.Parameters.AddWithValue(eventType);
        command.Parameters.AddWithValue(incidentId);
        return await command.ExecuteScalarAsync() as string;
    }

    /// <summary>The provider's operator, signed in.</summary>
    internal async Task<GatewayClient> Provider()
    {
        var client = new GatewayClient(Stack.Gateway);
        await client.SignIn(Stack.FirstOperator.Email, Stack.FirstOperator.Password);
        return client;
    }

    /// <summary>A customer with one contract and one prefix, watched by detection, and a router that reports on it.</summary>
    internal async Task<Customer> ACustomer(string? prefix = null, long declaredBitsPerSecond = 40_000_000)
    {
        var number = Interlocked.Increment(ref _customers);
        prefix ??= $"198.18.{number}.0/24"; // RFC 2544: for tests, and nobody else's
        var provider = await Provider();
        var tenant = await provider.RegisterTenant(string.Create(CultureInfo.InvariantCulture, $"Customer {number}"));
        var serviceCode = await provider.SignContract(tenant, declaredBitsPerSecond, prefix);
        var exporter = new Exporter($"127.0.1.{number}", Stack.Ports["flows"]);
        await provider.RegisterExporter(exporter.Address, $"router {number}");
        await Eventually.Get(
            () => provider.List($"protected-objects?tenantId={tenant}"), all => all.Count == 1, TimeSpan.FromSeconds(30), "the protected object");
        return new(Stack, provider, exporter, tenant, serviceCode, prefix);
    }
}

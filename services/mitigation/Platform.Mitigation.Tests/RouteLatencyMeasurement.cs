using System.Diagnostics;
using Grpc.Core;
using Grpc.Net.Client;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Platform.Mitigation.Bgp.Wire;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests;

/// <summary>No test: run it with <c>--explicit only</c> to see how long a route takes from the published fact to the router's table.</summary>
public sealed class RouteLatencyMeasurement(PostgresDatabase database, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>
{
    private const int Warm = 5;
    private const int Runs = 100;

    [Fact(Explicit = true)]
    public async Task From_the_fact_to_the_route_at_the_router()
    {
        await using var host = await AMitigationService.Start(database, broker, network, ("Mitigations:MaxCountermeasuresPerTenant", "500"));
        using var channel = GrpcChannel.ForAddress(network.Router.Api);
        var router = new GobgpApi.GobgpApiClient(channel);
        var bus = host.Services.GetRequiredService<IBus>();
        var customer = Customer.New();
        await host.Deliver(customer.Signed("203.0.113.0/24"), Customer.NewId());

        var milliseconds = new List<double>();
        for (var run = 0; run < Warm + Runs; run++)
        {
            var target = $"203.0.113.{run + 1}/32";
            var since = Stopwatch.StartNew();
            await bus.Publish(customer.Attacked(target, Customer.NewId()));
            while (!await Holds(router, target))
            {
                await Task.Delay(1);
            }

            milliseconds.Add(since.Elapsed.TotalMilliseconds);
        }

        var sorted = milliseconds.Skip(Warm).Order().ToArray();
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"route at the router after ms: median {sorted[Runs / 2]:0}, p95 {sorted[Runs * 95 / 100]:0}, max {sorted[^1]:0}, n {Runs}");
    }

    private static async Task<bool> Holds(GobgpApi.GobgpApiClient router, string target)
    {
        using var call = router.ListPath(new ListPathRequest { Family = new Family { Afi = 1, Safi = 1 } });
        await foreach (var answer in call.ResponseStream.ReadAllAsync())
        {
            if (answer.Destination.Prefix == target)
            {
                return true;
            }
        }

        return false;
    }
}

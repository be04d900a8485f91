using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Hosting;

namespace Platform.Gateway.Tests;

/// <summary>What mitigation says of what was asked for by hand reaches who asked; a stand-in says it, as it depends on the network else.</summary>
[Collection(nameof(AGateway))]
public sealed class MitigationAnswersTests(AGateway gateway)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_begun_or_added_in_a_dry_run_is_answered_as_rehearsed(bool isDryRun)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(new DryRun(isDryRun));
        await using var mitigation = builder.Build();
        mitigation.MapGrpcService<StandIn>();
        await mitigation.StartAsync(TestContext.Current.CancellationToken);
        var (host, address) = await gateway.Start(("Services:Mitigation", mitigation.Urls.Single()));
        await using var started = host;
        var (_, email) = await gateway.AnOperator(await gateway.ATenant(), Roles.Operator);
        using var browser = gateway.ABrowser(address);
        Assert.Equal(HttpStatusCode.OK, (await browser.SignIn(email, AGateway.Password)).StatusCode);

        var body = new { reason = "test", serviceCode = "DP00000001", countermeasures = new[] { new { kind = "blackhole", prefix = "203.0.113.1/32" } } };
        Assert.Equal(isDryRun, await Rehearsed("mitigations"));
        Assert.Equal(isDryRun, await Rehearsed("mitigations/0190ffff-0000-7000-8000-000000000001/countermeasures"));

        async Task<bool> Rehearsed(string path)
        {
            using var answer = await browser.Send(HttpMethod.Post, path, body);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return (await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("rehearsed").GetBoolean();
        }
    }

    private sealed record DryRun(bool IsOn);

    private sealed class StandIn(DryRun dryRun) : Mitigations.MitigationsBase
    {
        public override Task<StartMitigationResponse> StartMitigation(StartMitigationRequest request, ServerCallContext context) =>
            Task.FromResult(new StartMitigationResponse { MitigationId = "0190ffff-0000-7000-8000-000000000001", Rehearsed = dryRun.IsOn });

        public override Task<AddCountermeasuresResponse> AddCountermeasures(AddCountermeasuresRequest request, ServerCallContext context) =>
            Task.FromResult(new AddCountermeasuresResponse { Rehearsed = dryRun.IsOn });
    }
}

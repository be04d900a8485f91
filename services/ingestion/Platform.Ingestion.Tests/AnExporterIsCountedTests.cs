using System.Net;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Grpc.Ingestion.V1;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Contracts.Ingestion.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Ingestion.Windows;
using Platform.Testing;

namespace Platform.Ingestion.Tests;

/// <summary>One service for all of these; each uses hosts of its own.</summary>
public sealed class AnExporterIsCountedTests(AnIngestionService service) : IClassFixture<AnIngestionService>
{
    [Fact]
    [Trait("Requirement", "R1")]
    public async Task Flows_of_a_registered_exporter_to_a_protected_host_become_windows_on_the_telemetry_bus()
    {
        var id = await service.Register();
        await service.Host.Deliver(AnIngestionService.Watched(1, "203.0.113.0/24"), Guid.Parse("0190cccc-0000-7000-8000-000000000001"));

        var (batch, window) = await WindowFor("203.0.113.9");

        Assert.Equal((AnIngestionService.Shop.ToString(), AnIngestionService.Acme.ToString()), (batch.ObjectId, batch.TenantId));
        Assert.Equal(id, new Guid(Assert.Single(batch.Exporters).Span, bigEndian: true).ToString());
        Assert.Equal(window.Total.Bytes, window.Total.Packets * 100);
        Assert.Equal([Vector.Udp, Vector.Dns], window.Vectors.Select(vector => vector.Vector));
        var exporter = await service.Exporter(id);
        Assert.True(exporter.Datagrams > 0);
        Assert.Equal(exporter.Datagrams, exporter.Records);
        Assert.Equal(("netflow5", "unknown", 1u), (exporter.Protocol, exporter.SamplingSource, exporter.SamplingRate));
        Assert.True(exporter.ClockSkewMs > 0); // its datagrams are of 2023
    }

    /// <summary><see cref="WhenThresholdsChanged"/>: twice, and in the wrong order.</summary>
    [Fact]
    public async Task An_older_version_that_comes_late_changes_nothing_and_the_same_one_twice_neither()
    {
        await service.Register();
        var newest = Guid.Parse("0190cccc-0000-7000-8000-000000000011");
        await service.Host.Deliver(AnIngestionService.Watched(11, "203.0.113.0/24", "198.51.100.0/24"), newest);
        await service.Host.Deliver(AnIngestionService.Watched(10, "192.0.2.0/24"), Guid.Parse("0190cccc-0000-7000-8000-000000000010"));
        await service.Host.Deliver(AnIngestionService.Watched(11, "203.0.113.0/24", "198.51.100.0/24"), newest);

        var (batch, _) = await WindowFor("198.51.100.10");
        Assert.Equal(11, batch.ObjectVersion);
    }

    /// <summary><see cref="WhenProtectedObjectRetired"/>: twice, and before the version that it ends.</summary>
    [Fact]
    public async Task A_retired_object_stays_retired_whatever_comes_later()
    {
        var other = Guid.Parse("0190aaaa-0000-7000-8000-000000000002");
        var retired = new ProtectedObjectRetired
        {
            TenantId = AnIngestionService.Acme,
            ObjectId = other,
            ServiceCode = "DP00000001",
            RetiredAt = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero),
        };
        await service.Host.Deliver(retired, Guid.Parse("0190cccc-0000-7000-8000-000000000021"));
        await service.Host.Deliver(retired, Guid.Parse("0190cccc-0000-7000-8000-000000000021"));
        await service.Host.Deliver(
            AnIngestionService.Watched(1, "192.0.2.128/25") with { ObjectId = other }, Guid.Parse("0190cccc-0000-7000-8000-000000000022"));

        var objects = service.Host.Services.GetRequiredService<ProtectedObjects>().Current;
        Assert.DoesNotContain(objects.Objects, watched => watched.ObjectId == other);
    }

    [Fact]
    public async Task An_exporter_that_falls_silent_is_said_and_so_is_its_return()
    {
        await using var silent = await service.Host.Listen<ExporterFellSilent>();
        await using var returned = await service.Host.Listen<ExporterReturned>();
        var id = await service.Register();
        await Eventually.Passes(async () =>
        {
            await service.SendFlow("203.0.113.1");
            service.Tick();
            Assert.NotNull((await service.Exporter(id)).LastSeenAt);
            Assert.True(await service.IsHeard(id));
        });

        service.Tick(TimeSpan.FromSeconds(61));
        await Eventually.Passes(async () =>
        {
            service.Tick();
            Assert.True((await service.Exporter(id)).Silent);
        });
        await Eventually.Passes(async () =>
        {
            await service.SendFlow("203.0.113.1");
            service.Tick();
            Assert.False((await service.Exporter(id)).Silent);
        });
        await service.Host.CatchUp();
        await silent.Get(fact => fact.ExporterId.ToString() == id);
        await returned.Get(fact => fact.ExporterId.ToString() == id);
    }

    [Fact]
    public async Task Registering_twice_gives_the_same_exporter_and_a_wrong_address_is_refused()
    {
        Assert.Equal(await service.Register("192.0.2.77", "core"), await service.Register("192.0.2.77", "core"));

        var refused = await Assert.ThrowsAsync<RpcException>(() => service.Register("0.0.0.0"));
        Assert.Equal(
            (StatusCode.InvalidArgument, "exporter-address-invalid"),
            (refused.StatusCode, refused.Trailers.GetValue(Rejections.CodeTrailer)));
    }

    [Fact]
    public async Task A_sender_that_nobody_registered_is_shown_until_it_is_and_again_after_it_was_removed()
    {
        var caller = service.Host.As(TenantId.Provider, Roles.ProviderOperator);
        await service.Register();
        await service.Exporters.RemoveExporterAsync(
            new RemoveExporterRequest { Address = "127.0.0.1" }, caller, cancellationToken: TestContext.Current.CancellationToken);
        await service.Host.CatchUp();
        await Eventually.Passes(async () =>
        {
            service.Tick();
            await service.SendFlow("203.0.113.1");
            var sender = Assert.Single(await Unknown(), sender => sender.Address == "127.0.0.1");
            Assert.Equal("netflow5", sender.Protocol);
            Assert.True(sender.Datagrams > 0);
        });

        await service.Register();
        await Eventually.Passes(async () =>
        {
            service.Tick();
            Assert.Empty(await Unknown());
        });

        async Task<IEnumerable<UnknownSender>> Unknown() => (await service.Exporters.ListUnknownSendersAsync(
            new ListUnknownSendersRequest(), service.Host.As(TenantId.Provider, Roles.ProviderAuditor))).Senders;
    }

    [Fact]
    public async Task Exporters_are_listed_page_by_page_each_once()
    {
        var registered = new List<string>();
        for (var number = 1; number <= 5; number++)
        {
            registered.Add(await service.Register($"192.0.2.{100 + number}", name: number < 3 ? "page" : $"page {number}"));
        }

        await service.Host.CatchUp();
        var listed = new List<Exporter>();
        var request = new ListExportersRequest { PageSize = 2 };
        do
        {
            var page = await List(request);
            Assert.InRange(page.Exporters.Count, 1, 2);
            listed.AddRange(page.Exporters);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        Assert.Equal(registered, listed.Where(exporter => exporter.Name.StartsWith("page", StringComparison.Ordinal)).Select(exporter => exporter.ExporterId));
        Assert.Equal(listed.Count, listed.Select(exporter => exporter.Address).Distinct().Count());
        await Refused("page-token-invalid", new() { PageToken = "AAAA" });
        await Refused("page-token-invalid", new() { PageToken = "?" });
        await Refused("page-size-out-of-range", new() { PageSize = 1001 });

        async Task<ListExportersResponse> List(ListExportersRequest question) =>
            await service.Exporters.ListExportersAsync(question, service.Host.As(TenantId.Provider, Roles.ProviderAuditor));

        async Task Refused(string code, ListExportersRequest question)
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => List(question));
            Assert.Equal((StatusCode.InvalidArgument, code), (refused.StatusCode, refused.Trailers.GetValue(Rejections.CodeTrailer)));
        }
    }

    [Fact]
    public async Task Who_is_not_registered_cannot_be_removed()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => service.Exporters.RemoveExporterAsync(
            new RemoveExporterRequest { Address = "192.0.2.99" },
            service.Host.As(TenantId.Provider, Roles.ProviderOperator),
            cancellationToken: TestContext.Current.CancellationToken).ResponseAsync);
        Assert.Equal((StatusCode.NotFound, "exporter-not-found"), (refused.StatusCode, refused.Trailers.GetValue(Rejections.CodeTrailer)));
    }

    [Theory]
    [InlineData(Roles.Administrator)]
    [InlineData(Roles.ProviderAuditor)]
    public async Task Only_the_providers_operators_register_exporters(string role)
    {
        var tenant = role == Roles.Administrator ? TenantId.Of(AnIngestionService.Acme) : TenantId.Provider;
        var call = service.Exporters.RegisterExporterAsync(
            new RegisterExporterRequest { Address = "192.0.2.78", Name = "edge" },
            service.Host.As(tenant, role),
            cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    // Repeats what an exporter does until its window is seen: registration and prefixes take effect within a moment, not at once.
    private async Task<(TrafficWindowBatch Batch, HostWindow Window)> WindowFor(string host)
    {
        return await Eventually.Get(
            async () =>
            {
                await service.SendFlow(host);
                service.Tick(TimeSpan.FromSeconds(1));
                var batches = await service.Batches();
                return batches.SelectMany(batch => batch.Windows.Select(window => (batch, window)))
                    .FirstOrDefault(found => new IPAddress(found.window.Host.ToByteArray()).ToString() == host);
            },
            found => found.window is not null,
            what: $"a window of {host}");
    }
}

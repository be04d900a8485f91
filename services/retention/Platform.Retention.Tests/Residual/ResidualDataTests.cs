using Grpc.Core;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Reporting.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Retention.Residual;
using static Platform.Retention.Tests.ARetentionService;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Tests.Residual;

/// <summary>What stays, and who may read it: WhenIncidentReportPublished, WhenThresholdsChanged.</summary>
public sealed class ResidualDataTests(ARetentionService service) : IClassFixture<ARetentionService>
{
    [Fact]
    [Trait("Requirement", "R16")]
    public async Task The_residual_detections_have_exactly_the_columns_that_the_service_documents_name() => Assert.Equal(
        "detected_at attacked_address volume_bits_per_second volume_packets_per_second mitigation_result", await ColumnsOf("detections"));

    [Fact]
    [Trait("Requirement", "R17")]
    public async Task The_residual_configurations_have_exactly_the_columns_that_the_service_documents_name() =>
        Assert.Equal("prefixes thresholds version", await ColumnsOf("configurations"));

    [Fact]
    [Trait("Requirement", "R16")]
    [Trait("Requirement", "R17")]
    public async Task The_residual_schema_holds_these_two_tables_and_no_other() => Assert.Equal(
        "configurations detections",
        await service.Query<string>(
            "select string_agg(table_name, ' ' order by table_name) from information_schema.tables where table_schema = 'residual'"));

    [Fact]
    [Trait("Requirement", "R16")]
    public async Task A_report_leaves_its_four_facts_once_however_often_it_comes()
    {
        var (report, messageId) = (Report("198.51.100.1/32"), service.NewId());
        await service.Host.Deliver(report, messageId);
        await service.Host.Deliver(report, messageId);

        var detection = Assert.Single((await Detections("198.51.100.1")).Detections);
        Assert.Equal(
            (report.DetectedAt, report.Target, 1_000_000_000, 250_000, "defended"),
            (detection.DetectedAt.ToDateTimeOffset(),
                detection.AttackedAddress,
                detection.VolumeBitsPerSecond,
                detection.VolumePacketsPerSecond,
                detection.MitigationResult));
    }

    [Fact]
    public async Task A_prefix_finds_what_lies_in_it_newest_first()
    {
        var (older, newer) = (Report("2001:db8:1::1/128"), Report("2001:db8:1::2/128"));
        newer = newer with { DetectedAt = older.DetectedAt.AddMinutes(1) };
        foreach (var report in new[] { newer, older, Report("2001:db8:2::1/128") }) // the newer one comes first: wrong order
        {
            await service.Host.Deliver(report, service.NewId());
        }

        Assert.Equal(
            ["2001:db8:1::2/128", "2001:db8:1::1/128"],
            (await Detections("2001:db8:1::/48")).Detections.Select(detection => detection.AttackedAddress));
    }

    [Fact]
    [Trait("Requirement", "R17")]
    public async Task Each_version_of_a_configuration_is_kept_once_without_its_name()
    {
        var (first, second) = (Thresholds(1), Thresholds(2));
        var messageId = service.NewId();
        await service.Host.Deliver(second, service.NewId()); // wrong order
        await service.Host.Deliver(first, messageId);
        await service.Host.Deliver(first, messageId);

        var answer = await Configurations("203.0.113.0/25", Staff());

        Assert.Equal([2L, 1L], answer.Configurations.Select(configuration => configuration.Version));
        Assert.All(answer.Configurations, configuration => Assert.Equal(["203.0.113.0/24", "2001:db8::/48"], configuration.Prefixes));
        Assert.Equal(
            """[{"vector": "udp", "bits_per_second": 100000000, "packets_per_second": null}]""", answer.Configurations[0].Thresholds);
        Assert.Equal(0, await service.Query<long>(
            "select count(*) from (select database_to_xml(true, false, '')::text as everything) d where everything like '%canary-name%'"));
    }

    [Theory]
    [Trait("Requirement", "R18")]
    [InlineData(Roles.Administrator)]
    [InlineData(Roles.Operator)]
    [InlineData(Roles.Viewer)]
    [InlineData(Roles.ProviderAuditor)]
    [InlineData(Roles.Gateway)]
    public async Task Nobody_but_operators_and_maintainers_of_the_provider_reads_residual_data(string role)
    {
        var tenant = role is Roles.ProviderAuditor or Roles.Gateway ? TenantId.Provider : Acme;
        var caller = service.Host.As(tenant, role);

        var detections = await Assert.ThrowsAsync<RpcException>(() => Detections("", caller));
        var configurations = await Assert.ThrowsAsync<RpcException>(() => Configurations("", caller));

        Assert.Equal((StatusCode.PermissionDenied, StatusCode.PermissionDenied), (detections.StatusCode, configurations.StatusCode));
    }

    [Theory]
    [Trait("Requirement", "R18")]
    [InlineData(Roles.ProviderOperator)]
    [InlineData(Roles.ProviderMaintainer)]
    public async Task Each_read_is_on_record_with_reader_purpose_and_number_of_rows(string role)
    {
        await service.Host.Deliver(Report("198.51.100.7/32"), service.NewId());
        var (reader, purpose) = (service.NewId().ToString(), $"inquiry {service.NewId()}");

        await Detections("198.51.100.7", service.Host.As(TenantId.Provider, role, reader), purpose);

        var read = Assert.Single(await Reads(), read => read.Purpose == purpose);
        Assert.Equal(("residual-detection", reader, service.Clock.GetUtcNow()), (read.DataClass, read.OperatorId, read.ReadAt));
        Assert.InRange(read.Rows, 1, 10);
    }

    [Fact]
    [Trait("Requirement", "R18")]
    public async Task Without_a_purpose_nothing_is_handed_out()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => Detections("", purpose: ""));

        Assert.Equal("residual-purpose-missing", refused.Trailers.GetValue("platform-code"));
    }

    [Fact]
    public async Task What_is_no_prefix_is_refused()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => Detections("203.0.113.0/99"));

        Assert.Equal("prefix-invalid", refused.Trailers.GetValue("platform-code"));
    }

    private Wire.Residual.ResidualClient Client => new(service.Host.Channel);

    private Metadata Staff() => service.Host.As(TenantId.Provider, Roles.ProviderOperator);

    private async Task<Wire.ListResidualDetectionsResponse> Detections(string target, Metadata? caller = null, string purpose = "inquiry") =>
        await Client.ListResidualDetectionsAsync(new() { Target = target, Purpose = purpose }, caller ?? Staff());

    private async Task<Wire.ListResidualConfigurationsResponse> Configurations(string prefix, Metadata caller) =>
        await Client.ListResidualConfigurationsAsync(new() { Prefix = prefix, Purpose = "inquiry" }, caller);

    private async Task<List<ResidualDataRead>> Reads()
    {
        var provider = service.Host.Store.Tenant(TenantId.Provider);
        var reads = new List<ResidualDataRead>();
        foreach (var key in await provider.Keys(ResidualReadState.Stream, TestContext.Current.CancellationToken))
        {
            var history = await provider.Read(ResidualReadState.Stream, key, TestContext.Current.CancellationToken);
            reads.AddRange(history.Select(recorded => recorded.Data).OfType<ResidualDataRead>());
        }

        return reads;
    }

    private Task<string> ColumnsOf(string table) => service.Query<string>(
        $"""
        select string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns
        where table_schema = 'residual' and table_name = '{table}'
        """);

    private IncidentReportPublished Report(string target) => new()
    {
        TenantId = Acme.ToGuid(),
        ServiceCode = "DP00000001",
        IncidentId = service.NewId(),
        Target = target,
        PeakBitsPerSecond = 1_000_000_000,
        PeakPacketsPerSecond = 250_000,
        MitigationResult = "defended",
        DetectedAt = service.Clock.GetUtcNow(),
        PublishedAt = service.Clock.GetUtcNow(),
    };

    private ThresholdsChanged Thresholds(long version) => new()
    {
        TenantId = Acme.ToGuid(),
        ObjectId = Acme.ToGuid(),
        ServiceCode = "DP00000001",
        Name = "canary-name",
        Prefixes = ["203.0.113.0/24", "2001:db8::/48"],
        Thresholds = [new VectorThreshold { Vector = "udp", BitsPerSecond = 100_000_000 }],
        Version = version,
        ChangedAt = service.Clock.GetUtcNow(),
    };
}

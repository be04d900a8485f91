using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Gateway.Exporters;

/// <summary><c>/exporters</c>: devices that send flows. Provider only.</summary>
internal static class ExporterEndpoints
{
    /// <param name="Address">Source address of its datagrams.</param>
    /// <param name="Name">What operators call it, 1 to 100 characters.</param>
    /// <param name="SamplingRate">One packet in N, overriding what the exporter says; 0 or absent: believe the exporter.</param>
    /// <param name="ExpectedProtocol">netflow5, netflow9, ipfix or sflow5; absent: any. Another one is decoded all the same, and counted.</param>
    public sealed record RegisterExporterRequest(string Address, string Name, uint SamplingRate = 0, string? ExpectedProtocol = null);

    public sealed record ExporterRegisteredAnswer(string ExporterId);

    /// <param name="ExporterId">UUID.</param>
    /// <param name="Address">Source address of its datagrams.</param>
    /// <param name="Name">What operators call it.</param>
    /// <param name="ExpectedProtocol">As registered; null: any.</param>
    /// <param name="LastSeenAt">Last datagram (UTC); null when never seen.</param>
    /// <param name="Silent">No datagram for longer than the limit.</param>
    /// <param name="Protocol">Of the last datagram: netflow5, netflow9, ipfix or sflow5; null when none came.</param>
    /// <param name="Datagrams">Counted since the process started, as all counts here.</param>
    /// <param name="Records">Flow records and samples.</param>
    /// <param name="OptionsRecords">Records of options data.</param>
    /// <param name="CounterSamples">sFlow counter samples.</param>
    /// <param name="DiscardedPackets">sFlow notices of packets that it did not forward.</param>
    /// <param name="DatagramsPerSecond">Over the last seconds.</param>
    /// <param name="RecordsPerSecond">Over the last seconds.</param>
    /// <param name="Errors">Datagrams or parts that could not be used, by reason.</param>
    /// <param name="SamplingRate">Used for the last record: one packet in N.</param>
    /// <param name="SamplingSource">Who said so: setting, record, sampler, interface, line-card, template, options, header or unknown (counted as 1).</param>
    /// <param name="SamplingRateSetting">Rate that an operator set; 0: believe the exporter.</param>
    /// <param name="SamplingRateCount">Samplers, interfaces, line cards and templates with a rate of their own.</param>
    /// <param name="SamplingRates">The first 1000 of them; null in a list.</param>
    /// <param name="SequenceGaps">Datagrams (NetFlow v9, sFlow) or records (NetFlow v5, IPFIX) that sequence numbers show as lost on the way.</param>
    /// <param name="ClockSkewMilliseconds">Our clock minus the exporter's at the last datagram; sFlow has no clock: 0.</param>
    /// <param name="WaitingSets">Data sets that wait for their template.</param>
    /// <param name="TemplateCount">Templates in force.</param>
    /// <param name="Templates">The first 1000 of them; null in a list.</param>
    /// <param name="NumbersRecords">A NetFlow v9 exporter whose sequence numbers count records instead of datagrams.</param>
    /// <param name="CountedBy">Replica whose counts these are; null when no datagram reached the one that answered.</param>
    public sealed record ExporterAnswer(
        string ExporterId,
        string Address,
        string Name,
        string? ExpectedProtocol,
        DateTimeOffset? LastSeenAt,
        bool Silent,
        string? Protocol,
        ulong Datagrams,
        ulong Records,
        ulong OptionsRecords,
        ulong CounterSamples,
        ulong DiscardedPackets,
        double DatagramsPerSecond,
        double RecordsPerSecond,
        IReadOnlyDictionary<string, ulong> Errors,
        uint SamplingRate,
        string SamplingSource,
        uint SamplingRateSetting,
        uint SamplingRateCount,
        IReadOnlyList<SamplingRateAnswer>? SamplingRates,
        ulong SequenceGaps,
        long ClockSkewMilliseconds,
        uint WaitingSets,
        uint TemplateCount,
        IReadOnlyList<TemplateAnswer>? Templates,
        bool NumbersRecords,
        string? CountedBy);

    /// <param name="Items">By name.</param>
    /// <param name="NextCursor">Send as <c>cursor</c> for the next page; null on the last.</param>
    public sealed record ExporterPage(IReadOnlyList<ExporterAnswer> Items, string? NextCursor);

    /// <param name="Domain">Observation domain or source id.</param>
    /// <param name="Of">sampler, interface, line-card or template.</param>
    /// <param name="Id">Its number.</param>
    /// <param name="Rate">One packet in N.</param>
    public sealed record SamplingRateAnswer(uint Domain, string Of, uint Id, uint Rate);

    /// <param name="Domain">Observation domain or source id.</param>
    /// <param name="Id">256 to 65535.</param>
    /// <param name="Fields">Number of fields, scopes included.</param>
    /// <param name="Options">Describes options data.</param>
    /// <param name="RecordLength">Bytes of a record; the least when it has variable lengths.</param>
    /// <param name="UsedAt">Last data or refresh (UTC).</param>
    public sealed record TemplateAnswer(uint Domain, uint Id, uint Fields, bool Options, uint RecordLength, DateTimeOffset? UsedAt);

    /// <param name="Senders">The last heard first; at most 1024.</param>
    /// <param name="OtherDatagrams">Datagrams of senders for which there was no room.</param>
    public sealed record UnknownSendersAnswer(IReadOnlyList<UnknownSenderAnswer> Senders, ulong OtherDatagrams);

    /// <param name="Address">What to register.</param>
    /// <param name="Protocol">What its last datagram looked like: netflow5, netflow9, ipfix or sflow5; null: none of these.</param>
    /// <param name="Datagrams">Since it was first seen. None was decoded.</param>
    /// <param name="FirstSeenAt">First datagram (UTC).</param>
    /// <param name="LastSeenAt">Last datagram (UTC).</param>
    public sealed record UnknownSenderAnswer(
        string Address, string? Protocol, ulong Datagrams, DateTimeOffset? FirstSeenAt, DateTimeOffset? LastSeenAt);

    public static void MapExporters(this IEndpointRouteBuilder routes)
    {
        var exporters = routes.MapGroup("/exporters").WithTags("Exporters");
        exporters.MapGet("", List).RequireAuthorization(Policies.ProviderRead).WithSummary("Exporters by name, with what was seen of them.").Refuses(422);
        exporters.MapGet("/{address}", Get).RequireAuthorization(Policies.ProviderRead)
            .WithSummary("One exporter with its templates and sampling rates.").Refuses(404);
        exporters.MapPost("", Register).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("Register an exporter, or change the one with this address.").Refuses(409, 422);
        exporters.MapDelete("/{address}", Remove).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("No longer count what this address sends.").Refuses(404);
        exporters.MapGet("/unknown", ListUnknown).RequireAuthorization(Policies.ProviderRead)
            .WithSummary("Senders of flows that nobody registered.");
    }

    private static async Task<Ok<ExporterPage>> List(Wire.Exporters.ExportersClient exporters, int limit = 0, string cursor = "")
    {
        var answer = await exporters.ListExportersAsync(new Wire.ListExportersRequest { PageSize = limit, PageToken = cursor });
        return TypedResults.Ok(new ExporterPage(
            [.. answer.Exporters.Select(exporter => Answer(exporter) with { SamplingRates = null, Templates = null })], NullIfEmpty(answer.NextPageToken)));
    }

    private static async Task<Ok<ExporterAnswer>> Get(string address, Wire.Exporters.ExportersClient exporters)
    {
        var answer = await exporters.GetExporterAsync(new Wire.GetExporterRequest { Address = address });
        return TypedResults.Ok(Answer(answer.Exporter));
    }

    private static async Task<Created<ExporterRegisteredAnswer>> Register(RegisterExporterRequest request, Wire.Exporters.ExportersClient exporters)
    {
        var answer = await exporters.RegisterExporterAsync(new Wire.RegisterExporterRequest
        {
            Address = request.Address,
            Name = request.Name,
            SamplingRate = request.SamplingRate,
            ExpectedProtocol = request.ExpectedProtocol ?? "",
        });
        return TypedResults.Created((string?)null, new ExporterRegisteredAnswer(answer.ExporterId));
    }

    private static async Task<NoContent> Remove(string address, Wire.Exporters.ExportersClient exporters)
    {
        await exporters.RemoveExporterAsync(new Wire.RemoveExporterRequest { Address = address });
        return TypedResults.NoContent();
    }

    private static async Task<Ok<UnknownSendersAnswer>> ListUnknown(Wire.Exporters.ExportersClient exporters)
    {
        var answer = await exporters.ListUnknownSendersAsync(new Wire.ListUnknownSendersRequest());
        return TypedResults.Ok(new UnknownSendersAnswer(
            [.. answer.Senders.Select(sender => new UnknownSenderAnswer(
                sender.Address, NullIfEmpty(sender.Protocol), sender.Datagrams, sender.FirstSeenAt.ToInstant(), sender.LastSeenAt.ToInstant()))],
            answer.OtherDatagrams));
    }

    private static ExporterAnswer Answer(Wire.Exporter exporter) => new(
        exporter.ExporterId,
        exporter.Address,
        exporter.Name,
        NullIfEmpty(exporter.ExpectedProtocol),
        exporter.LastSeenAt.ToInstant(),
        exporter.Silent,
        NullIfEmpty(exporter.Protocol),
        exporter.Datagrams,
        exporter.Records,
        exporter.OptionsRecords,
        exporter.CounterSamples,
        exporter.DiscardedPackets,
        exporter.DatagramsPerSecond,
        exporter.RecordsPerSecond,
        exporter.Errors.ToDictionary(),
        exporter.SamplingRate,
        exporter.SamplingSource,
        exporter.SamplingRateSetting,
        exporter.SamplingRateCount,
        [.. exporter.SamplingRates.Select(rate => new SamplingRateAnswer(
            rate.Domain, rate.OfInterface ? "interface" : rate.OfTemplate ? "template" : rate.OfLineCard ? "line-card" : "sampler", rate.Id, rate.Rate))],
        exporter.SequenceGaps,
        exporter.ClockSkewMs,
        exporter.WaitingSets,
        exporter.TemplateCount,
        [.. exporter.Templates.Select(template => new TemplateAnswer(
            template.Domain, template.Id, template.Fields, template.Options, template.RecordLength, template.UsedAt.ToInstant()))],
        exporter.NumbersRecords,
        NullIfEmpty(exporter.CountedBy));

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}

using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/mitigations</c>: defence in progress and past.</summary>
internal static class MitigationEndpoints
{
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record WithdrawMitigationRequest(string Reason);

    /// <param name="Action">discard, rate-limit, redirect or accept.</param>
    /// <param name="Source">Where the packets come from, CIDR notation; absent: anywhere.</param>
    /// <param name="Protocol">IP protocol or IPv6 next header (IANA number).</param>
    /// <param name="SourcePort">Of UDP or TCP; a number or a range from-to.</param>
    /// <param name="DestinationPort">Of UDP or TCP; a number or a range from-to.</param>
    /// <param name="PacketLength">Bytes of the IP packet; a number or a range from-to.</param>
    /// <param name="TcpFlagsSet">TCP flags that must be set: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.</param>
    /// <param name="TcpFlagsClear">TCP flags that must not be set.</param>
    /// <param name="Fragment">Fragments only.</param>
    /// <param name="BytesPerSecond">With rate-limit: what passes.</param>
    /// <param name="PerSource">With rate-limit at a scrubber: the limit is for each source address.</param>
    public sealed record RuleRequest(
        string Action,
        string? Source = null,
        byte? Protocol = null,
        string? SourcePort = null,
        string? DestinationPort = null,
        string? PacketLength = null,
        byte TcpFlagsSet = 0,
        byte TcpFlagsClear = 0,
        bool Fragment = false,
        long BytesPerSecond = 0,
        bool PerSource = false);

    /// <param name="Kind">blackhole, flowspec, diversion or scrubbing.</param>
    /// <param name="Prefix">CIDR notation, inside the contract's own prefixes.</param>
    /// <param name="Rule">For flowspec and scrubbing: which packets.</param>
    public sealed record CountermeasureRequest(string Kind, string Prefix, RuleRequest? Rule = null);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="ServiceCode">Contract whose prefixes are defended.</param>
    /// <param name="Countermeasures">1 to 50.</param>
    /// <param name="DurationSeconds">How long it stands unless extended or stopped; 0: one hour.</param>
    public sealed record StartMitigationRequest(
        string Reason, string ServiceCode = "", IReadOnlyList<CountermeasureRequest>? Countermeasures = null, long DurationSeconds = 0);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="Countermeasures">1 to 50.</param>
    public sealed record AddCountermeasuresRequest(string Reason, IReadOnlyList<CountermeasureRequest>? Countermeasures = null);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record ReasonRequest(string Reason);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="CountermeasureIds">What was seen and is agreed to, the rest goes on waiting; absent: the earliest step that waits.</param>
    public sealed record ApproveMitigationRequest(string Reason, IReadOnlyList<Guid>? CountermeasureIds = null);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="DurationSeconds">From now on.</param>
    public sealed record ExtendMitigationRequest(string Reason, long DurationSeconds = 0);

    /// <param name="MitigationId">UUID.</param>
    /// <param name="Rehearsed">It is a dry run: recorded, and nothing put into the network.</param>
    public sealed record StartedAnswer(string MitigationId, bool Rehearsed);

    /// <param name="Rehearsed">It is a dry run: recorded, and nothing put into the network.</param>
    public sealed record AddedAnswer(bool Rehearsed);

    /// <param name="CountermeasureId">UUID.</param>
    /// <param name="Kind">blackhole, flowspec, diversion or scrubbing.</param>
    /// <param name="Route">What is announced.</param>
    /// <param name="Status">proposed, rehearsed, requested, announced (at every place), partial (at some), missing (nowhere any more), withdrawing or withdrawn.</param>
    /// <param name="AnnouncedBy">Speakers and scrubbers that hold it now; once it goes, those that were read back with it.</param>
    /// <param name="Effect">helped, unchanged, not-seen or unmeasured; null until it was measured.</param>
    /// <param name="MissingAt">Speakers and scrubbers that shall hold it and do not.</param>
    /// <param name="EffectWords">The effect as a sentence, with its figures; null until it was measured.</param>
    public sealed record CountermeasureAnswer(
        string CountermeasureId,
        string Kind,
        string Route,
        string Status,
        IReadOnlyList<string> AnnouncedBy,
        string? Effect,
        IReadOnlyList<string> MissingAt,
        string? EffectWords);

    /// <param name="MitigationId">UUID.</param>
    /// <param name="AnomalyId">What it defends against.</param>
    /// <param name="ServiceCode">Contract that it is about.</param>
    /// <param name="Target">CIDR notation.</param>
    /// <param name="Status">proposed (something of it waits for approval), rehearsed, starting, active, partial, missing, holding, withdrawing, ended or failed.</param>
    /// <param name="Countermeasures">What was put in force.</param>
    /// <param name="StartedAt">When (UTC).</param>
    /// <param name="EndedAt">When (UTC); null while active.</param>
    /// <param name="ExpiresAt">When it ends by itself (UTC).</param>
    /// <param name="Failure">Code of the refusal; null when none.</param>
    public sealed record MitigationAnswer(
        string MitigationId,
        string AnomalyId,
        string ServiceCode,
        string Target,
        string Status,
        IReadOnlyList<CountermeasureAnswer> Countermeasures,
        DateTimeOffset StartedAt,
        DateTimeOffset? EndedAt,
        DateTimeOffset? ExpiresAt,
        string? Failure);

    /// <param name="Items">Newest first, at most 200.</param>
    /// <param name="NextCursor">Send as <c>cursor</c> for the next page; null on the last.</param>
    public sealed record MitigationPage(IReadOnlyList<MitigationAnswer> Items, string? NextCursor);

    public static void MapMitigations(this IEndpointRouteBuilder routes)
    {
        var mitigations = routes.MapGroup("/mitigations").WithTags("Protection").OfTenant();
        mitigations.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Mitigations of the tenant, newest first, 200 a page.").Refuses(404);
        mitigations.MapPost("/{mitigationId:guid}/withdrawal", Withdraw).RequireAuthorization(Policies.Operate)
            .WithSummary("Stop a mitigation by hand.").Refuses(404, 409, 422);
        mitigations.MapPost("", Start).RequireAuthorization(Policies.Operate)
            .WithSummary("Start a defence by hand; every safety rail applies.").Refuses(403, 404, 409, 422);
        mitigations.MapPost("/{mitigationId:guid}/countermeasures", Add).RequireAuthorization(Policies.Operate)
            .WithSummary("Add countermeasures to a standing mitigation.").Refuses(403, 404, 409, 422);
        mitigations.MapPost("/{mitigationId:guid}/countermeasures/{countermeasureId:guid}/withdrawal", Stop).RequireAuthorization(Policies.Operate)
            .WithSummary("Stop one countermeasure; the others stay.").Refuses(404, 409, 422);
        mitigations.MapPost("/{mitigationId:guid}/approval", Approve).RequireAuthorization(Policies.Operate)
            .WithSummary("Approve what the policy proposed, as it was seen.").Refuses(403, 404, 409, 422);
        mitigations.MapPost("/{mitigationId:guid}/extension", Extend).RequireAuthorization(Policies.Operate)
            .WithSummary("Move the expiry.").Refuses(404, 409, 422);
    }

    private static async Task<Ok<StartedAnswer>> Start(
        StartMitigationRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        var answer = await mitigations.StartMitigationAsync(new Wire.StartMitigationRequest
        {
            TenantId = TenantScope.Of(http),
            ServiceCode = request.ServiceCode,
            Reason = request.Reason,
            DurationSeconds = request.DurationSeconds,
            Countermeasures = { Specs(request.Countermeasures) },
        });
        return TypedResults.Ok(new StartedAnswer(answer.MitigationId, answer.Rehearsed));
    }

    private static async Task<Ok<AddedAnswer>> Add(
        Guid mitigationId, AddCountermeasuresRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        var answer = await mitigations.AddCountermeasuresAsync(new Wire.AddCountermeasuresRequest
        {
            TenantId = TenantScope.Of(http),
            MitigationId = mitigationId.ToString(),
            Reason = request.Reason,
            Countermeasures = { Specs(request.Countermeasures) },
        });
        return TypedResults.Ok(new AddedAnswer(answer.Rehearsed));
    }

    private static async Task<NoContent> Stop(
        Guid mitigationId, Guid countermeasureId, ReasonRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.StopCountermeasureAsync(new Wire.StopCountermeasureRequest
        {
            TenantId = TenantScope.Of(http),
            MitigationId = mitigationId.ToString(),
            CountermeasureId = countermeasureId.ToString(),
            Reason = request.Reason,
        });
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> Approve(
        Guid mitigationId, ApproveMitigationRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.ApproveMitigationAsync(new Wire.ApproveMitigationRequest
        {
            TenantId = TenantScope.Of(http),
            MitigationId = mitigationId.ToString(),
            Reason = request.Reason,
            CountermeasureIds = { (request.CountermeasureIds ?? []).Select(id => id.ToString()) },
        });
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> Extend(
        Guid mitigationId, ExtendMitigationRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.ExtendMitigationAsync(new Wire.ExtendMitigationRequest
        {
            TenantId = TenantScope.Of(http),
            MitigationId = mitigationId.ToString(),
            Reason = request.Reason,
            DurationSeconds = request.DurationSeconds,
        });
        return TypedResults.NoContent();
    }

    private static IEnumerable<Wire.CountermeasureSpec> Specs(IReadOnlyList<CountermeasureRequest>? requests) =>
        (requests ?? []).Select(request => new Wire.CountermeasureSpec
        {
            Kind = request.Kind,
            Prefix = request.Prefix,
            Rule = request.Rule is { } rule ? RuleOf(rule) : null,
        });

    private static Wire.Rule RuleOf(RuleRequest rule)
    {
        var wire = new Wire.Rule
        {
            Action = rule.Action,
            Source = rule.Source ?? "",
            SourcePort = Range(rule.SourcePort),
            DestinationPort = Range(rule.DestinationPort),
            PacketLength = Range(rule.PacketLength),
            TcpFlagsSet = rule.TcpFlagsSet,
            TcpFlagsClear = rule.TcpFlagsClear,
            Fragment = rule.Fragment,
            BytesPerSecond = rule.BytesPerSecond,
            PerSource = rule.PerSource,
        };
        if (rule.Protocol is { } protocol)
        {
            wire.Protocol = protocol;
        }

        return wire;
    }

    /// <summary>What is no range becomes one that the service refuses.</summary>
    private static Wire.NumberRange? Range(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var parts = text.Split('-');
        return uint.TryParse(parts[0], out var from) && uint.TryParse(parts[^1], out var to) && parts.Length <= 2
            ? new Wire.NumberRange { From = from, To = to }
            : new Wire.NumberRange { From = uint.MaxValue, To = 0 };
    }

    private static async Task<Ok<MitigationPage>> List(
        HttpContext http, Wire.Mitigations.MitigationsClient mitigations, bool activeOnly = false, string cursor = "")
    {
        var answer = await mitigations.ListMitigationsAsync(
            new Wire.ListMitigationsRequest { TenantId = TenantScope.Of(http), ActiveOnly = activeOnly, PageToken = cursor });
        var page = answer.Mitigations.Select(mitigation => new MitigationAnswer(
            mitigation.MitigationId,
            mitigation.AnomalyId,
            mitigation.ServiceCode,
            mitigation.Target,
            mitigation.Status,
            [.. mitigation.Countermeasures.Select(c => new CountermeasureAnswer(
                c.CountermeasureId,
                c.Kind,
                c.Route,
                c.Status,
                [.. c.AnnouncedBy],
                c.Effect?.Verdict,
                [.. c.MissingAt],
                c.Effect?.Words is { Length: > 0 } words ? words : null))],
            mitigation.StartedAt.ToDateTimeOffset(),
            mitigation.EndedAt.ToInstant(),
            mitigation.ExpiresAt.ToInstant(),
            mitigation.Failure is { Length: > 0 } failure ? failure : null));
        return TypedResults.Ok(new MitigationPage([.. page], answer.NextPageToken is { Length: > 0 } next ? next : null));
    }

    private static async Task<NoContent> Withdraw(
        Guid mitigationId, WithdrawMitigationRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.WithdrawMitigationAsync(new Wire.WithdrawMitigationRequest
        {
            TenantId = TenantScope.Of(http),
            MitigationId = mitigationId.ToString(),
            Reason = request.Reason,
        });
        return TypedResults.NoContent();
    }
}

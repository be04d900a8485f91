using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Gateway.Problems;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/protected-objects</c>: what is watched, and from which rate on.</summary>
internal static class ProtectedObjectEndpoints
{
    /// <param name="Vector">total, udp, icmp, tcp-syn, dns, ntp, ... (the vectors of telemetry).</param>
    /// <param name="BitsPerSecond">0: not watched.</param>
    /// <param name="PacketsPerSecond">0: not watched.</param>
    /// <param name="FlowsPerSecond">Flow records; 0: not watched.</param>
    /// <param name="Level">host, prefix or object: whose traffic.</param>
    /// <param name="Direction">in or out.</param>
    /// <param name="Own">
    /// True: somebody set it. False: a profile guessed it; it gives way to what is learned, and follows the declared bandwidth. In a change: another rate than
    /// the profile's is own in any case, and true makes the same one own too.
    /// </param>
    public sealed record ThresholdContent(
        string Vector,
        long BitsPerSecond,
        long PacketsPerSecond,
        long FlowsPerSecond = 0,
        string Level = "host",
        string Direction = "in",
        bool Own = false)
    {
        internal static ThresholdContent Of(Wire.Threshold threshold) => new(
            threshold.Vector,
            threshold.BitsPerSecond,
            threshold.PacketsPerSecond,
            threshold.FlowsPerSecond,
            threshold.Level,
            threshold.Direction,
            threshold.Own);

        internal Wire.Threshold ToWire() => new()
        {
            Vector = Vector,
            BitsPerSecond = BitsPerSecond,
            PacketsPerSecond = PacketsPerSecond,
            FlowsPerSecond = FlowsPerSecond,
            Level = Level,
            Direction = Direction,
            Own = Own,
        };
    }

    /// <param name="Thresholds">All thresholds from now on.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="AllLevels">True: of every level and direction; false: those of hosts, the others stay.</param>
    public sealed record ChangeThresholdsRequest(IReadOnlyList<ThresholdContent> Thresholds, string Reason = "", bool AllLevels = false);

    /// <param name="Name">generic, web, dns, game, mail or eyeball.</param>
    /// <param name="Thresholds">What it would set for this object, from the declared bandwidth.</param>
    public sealed record ProfileAnswer(string Name, IReadOnlyList<ThresholdContent> Thresholds);

    /// <param name="Profile">generic, web, dns, game, mail or eyeball.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record ChooseProfileRequest(string Profile, string Reason);

    /// <param name="Mode">apply (judged by, below those that are set) or propose.</param>
    /// <param name="Margin">How many times the usual is allowed, 1.1 to 10.</param>
    /// <param name="FloorShare">A vector below this share of the busiest hour is never an anomaly, 0.01 to 1.</param>
    /// <param name="Zone">Calendar, an IANA time zone.</param>
    public sealed record LearningContent(string Mode, double Margin, double FloorShare, string Zone);

    /// <param name="Learning">From now on.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="Floors">All floors from now on; empty: none; null: they stay. What a profile guessed falls with them, own thresholds stay.</param>
    /// <param name="KeptMarks">With floors: the false anomalies (UUID) whose marked floors stay; those of others are taken back.</param>
    public sealed record ChangeLearningRequest(
        LearningContent Learning, string Reason, IReadOnlyList<ThresholdContent>? Floors = null, IReadOnlyList<string>? KeptMarks = null);

    /// <param name="FromHour">Of every day, 0 to 23: the hours at which it was seen, with one before and after.</param>
    /// <param name="UntilHour">1 to 24, exclusive; not above fromHour: of the next day. 0 to 24: the whole day.</param>
    /// <param name="Zone">The object's calendar, an IANA time zone.</param>
    /// <param name="Target">A host, or a prefix whose hosts each may have it, CIDR notation; what is around them may have as much beyond its usual. Empty: any host of the object.</param>
    public sealed record FloorBoundsAnswer(int FromHour, int UntilHour, string Zone, string Target)
    {
        internal static FloorBoundsAnswer Of(Wire.FloorBounds bounds) => new(bounds.FromHour, bounds.UntilHour, bounds.Zone, bounds.Target);
    }

    /// <param name="AnomalyId">The false anomaly that it came from.</param>
    /// <param name="Bounds">For whom and when it holds.</param>
    /// <param name="Since">In force since then (UTC); one that was not needed for four weeks ends by itself.</param>
    /// <param name="Thresholds">Nothing allowed is below these, learned, guessed or set.</param>
    public sealed record MarkedFloorAnswer(string AnomalyId, FloorBoundsAnswer Bounds, DateTimeOffset Since, IReadOnlyList<ThresholdContent> Thresholds);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record WithReasonRequest(string Reason);

    /// <param name="What">Path of the setting, for example threshold/host/in/udp/bits; of a marked floor with its hours and target: floor/host/in/udp/bits/11-14/203.0.113.1/32.</param>
    /// <param name="Before">Empty: there was none.</param>
    /// <param name="After">Empty: there is none any more.</param>
    public sealed record DifferenceAnswer(string What, string Before, string After);

    /// <param name="Version">From 1.</param>
    /// <param name="ChangedAt">When (UTC).</param>
    /// <param name="ChangedBy">Operator (UUID); platform: it did so by itself; empty: the contract.</param>
    /// <param name="Reason">In the operator's words.</param>
    /// <param name="Kind">added, contract, thresholds, profile, learning, restored, relearned, proposal, grouped, forgotten or unneeded (a floor ended by itself).</param>
    /// <param name="Differences">From the version before.</param>
    public sealed record VersionAnswer(
        long Version, DateTimeOffset ChangedAt, string ChangedBy, string Reason, string Kind, IReadOnlyList<DifferenceAnswer> Differences);

    /// <param name="Version">Who, why and the difference.</param>
    /// <param name="Content">The object as it was.</param>
    public sealed record VersionContentAnswer(VersionAnswer Version, ProtectedObjectAnswer Content);

    public sealed record ThresholdsChangedAnswer(long Version);

    /// <param name="ObjectId">UUID.</param>
    /// <param name="ServiceCode">Contract that it belongs to.</param>
    /// <param name="Name">What it is called.</param>
    /// <param name="Prefixes">CIDR notation.</param>
    /// <param name="Thresholds">In force.</param>
    /// <param name="Version">Version of prefixes and thresholds; send it as If-Match with a change.</param>
    /// <param name="WiderThresholds">Of other levels than host, or of traffic out.</param>
    /// <param name="Floors">Learned thresholds are never below these, whatever the host and the hour; a change of learning may take them back.</param>
    /// <param name="Profile">Where the thresholds came from that are not own; empty: all are set by hand.</param>
    /// <param name="Learning">How thresholds are learned.</param>
    /// <param name="DeclaredBitsPerSecond">What the contract declares as the most; 0: not known.</param>
    /// <param name="MarkedFloors">What false anomalies proposed and somebody applied; a change of learning may take them back.</param>
    public sealed record ProtectedObjectAnswer(
        string ObjectId,
        string ServiceCode,
        string Name,
        IReadOnlyList<string> Prefixes,
        IReadOnlyList<ThresholdContent> Thresholds,
        long Version,
        IReadOnlyList<ThresholdContent> WiderThresholds,
        IReadOnlyList<ThresholdContent> Floors,
        string Profile,
        LearningContent Learning,
        long DeclaredBitsPerSecond,
        IReadOnlyList<MarkedFloorAnswer> MarkedFloors);

    /// <param name="ServiceCode">Contract.</param>
    /// <param name="Name">1 to 60 characters, unique in the contract.</param>
    /// <param name="Prefixes">Prefixes of the contract, or parts of them, CIDR notation.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    /// <param name="Profile">Thresholds to begin with: generic, web, dns, game, mail or eyeball.</param>
    public sealed record AddObjectRequest(string ServiceCode, string Name, IReadOnlyList<string> Prefixes, string Reason, string Profile = "generic");

    /// <param name="ObjectId">UUID.</param>
    /// <param name="Version">Its version.</param>
    public sealed record ObjectAddedAnswer(string ObjectId, long Version);

    /// <param name="Name">From now on, 1 to 60 characters.</param>
    /// <param name="Prefixes">All prefixes from now on, CIDR notation.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record ChangeGroupingRequest(string Name, IReadOnlyList<string> Prefixes, string Reason);

    public static void MapProtectedObjects(this IEndpointRouteBuilder routes)
    {
        var objects = routes.MapGroup("/protected-objects").WithTags("Protection").OfTenant();
        objects.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Objects of the tenant with their thresholds; the provider's staff name a tenant.").Refuses(404);
        objects.MapPost("", Add).RequireAuthorization(Policies.Operate)
            .WithSummary("Group prefixes of a contract under a name: an object of its own.").Refuses(404, 409, 422);
        objects.MapPut("/{objectId:guid}/grouping", Regroup).RequireAuthorization(Policies.Operate)
            .WithSummary("Give an object another name or other prefixes; honours If-Match with the version.").Refuses(404, 409, 412, 422);
        objects.MapPost("/{objectId:guid}/removal", Remove).RequireAuthorization(Policies.Operate)
            .WithSummary("End a named object; its prefixes are the object default's again; honours If-Match.").Refuses(404, 409, 412, 422);
        objects.MapPut("/{objectId:guid}/thresholds", Change).RequireAuthorization(Policies.Operate)
            .WithSummary("Replace the thresholds; honours If-Match with the version.").Refuses(404, 409, 412, 422);
        objects.MapGet("/{objectId:guid}/profiles", Profiles).RequireAuthorization(Policies.Read)
            .WithSummary("The ready-made profiles, each with the thresholds that it would set for this object.").Refuses(404);
        objects.MapPut("/{objectId:guid}/profile", ChooseProfile).RequireAuthorization(Policies.Operate)
            .WithSummary("Take the thresholds of a profile; honours If-Match.").Refuses(404, 409, 412, 422);
        objects.MapPut("/{objectId:guid}/learning", ChangeLearning).RequireAuthorization(Policies.Operate)
            .WithSummary("Set how thresholds are learned; honours If-Match.").Refuses(404, 409, 412, 422);
        objects.MapPost("/{objectId:guid}/learning/reset", Forget).RequireAuthorization(Policies.Operate)
            .WithSummary("Forget what was learned, an attack perhaps, and begin anew; honours If-Match.").Refuses(404, 409, 412, 422);
        objects.MapGet("/{objectId:guid}/versions", Versions).RequireAuthorization(Policies.Read)
            .WithSummary("Versions of an object, newest first: who changed what, and why.").Refuses(404);
        objects.MapGet("/{objectId:guid}/versions/{version:long}", Version).RequireAuthorization(Policies.Read)
            .WithSummary("One version as it was.").Refuses(404);
        objects.MapPost("/{objectId:guid}/versions/{version:long}/restoration", Restore).RequireAuthorization(Policies.Operate)
            .WithSummary("Put a past version's settings in force again, as the next version; honours If-Match.").Refuses(404, 409, 412, 422);
    }

    private static async Task<Ok<ListAnswer<ProtectedObjectAnswer>>> List(
        HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var answer = await objects.ListProtectedObjectsAsync(new Wire.ListProtectedObjectsRequest { TenantId = TenantScope.Of(http) });
        return TypedResults.Ok(ListAnswer<ProtectedObjectAnswer>.Of(answer.Objects, Describe));
    }

    private static async Task<Ok<ObjectAddedAnswer>> Add(
        AddObjectRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var answer = await objects.AddProtectedObjectAsync(new Wire.AddProtectedObjectRequest
        {
            TenantId = TenantScope.Of(http),
            ServiceCode = request.ServiceCode,
            Name = request.Name,
            Prefixes = { request.Prefixes },
            Profile = request.Profile,
            Reason = request.Reason,
        });
        return TypedResults.Ok(new ObjectAddedAnswer(answer.ObjectId, answer.Version));
    }

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Regroup(
        Guid objectId, ChangeGroupingRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.ChangeGroupingAsync(new Wire.ChangeGroupingRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            Name = request.Name,
            Prefixes = { request.Prefixes },
            ExpectedVersion = expected,
            Reason = request.Reason,
        })).Version);

    private static async Task<Results<NoContent, ProblemHttpResult>> Remove(
        Guid objectId, WithReasonRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var removed = await Changed(
            http,
            async expected =>
            {
                await objects.RemoveProtectedObjectAsync(new Wire.RemoveProtectedObjectRequest
                {
                    TenantId = TenantScope.Of(http),
                    ObjectId = objectId.ToString(),
                    ExpectedVersion = expected,
                    Reason = request.Reason,
                });
                return expected;
            });
        return removed.Result is ProblemHttpResult refusal ? refusal : TypedResults.NoContent();
    }

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Change(
        Guid objectId, ChangeThresholdsRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.ChangeThresholdsAsync(new Wire.ChangeThresholdsRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ExpectedVersion = expected,
            Reason = request.Reason,
            AllLevels = request.AllLevels,
            Thresholds = { request.Thresholds.Select(threshold => threshold.ToWire()) },
        })).Version);

    private static async Task<Ok<ListAnswer<ProfileAnswer>>> Profiles(
        Guid objectId, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var answer = await objects.ListProfilesAsync(
            new Wire.ListProfilesRequest { TenantId = TenantScope.Of(http), ObjectId = objectId.ToString() });
        return TypedResults.Ok(ListAnswer<ProfileAnswer>.Of(
            answer.Profiles, profile => new ProfileAnswer(profile.Name, [.. profile.Thresholds.Select(ThresholdContent.Of)])));
    }

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> ChooseProfile(
        Guid objectId, ChooseProfileRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.ChooseProfileAsync(new Wire.ChooseProfileRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ExpectedVersion = expected,
            Profile = request.Profile,
            Reason = request.Reason,
        })).Version);

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> ChangeLearning(
        Guid objectId, ChangeLearningRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.ChangeLearningAsync(new Wire.ChangeLearningRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ExpectedVersion = expected,
            Reason = request.Reason,
            Learning = new Wire.Learning
            {
                Mode = request.Learning.Mode,
                Margin = request.Learning.Margin,
                FloorShare = request.Learning.FloorShare,
                Zone = request.Learning.Zone,
            },
            Floors = request.Floors is { } floors ? new Wire.Floors { Thresholds = { floors.Select(floor => floor.ToWire()) }, KeptMarks = { request.KeptMarks ?? [] } } : null,
        })).Version);

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Forget(
        Guid objectId, WithReasonRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.ForgetLearnedAsync(new Wire.ForgetLearnedRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ExpectedVersion = expected,
            Reason = request.Reason,
        })).Version);

    private static async Task<Ok<ListAnswer<VersionAnswer>>> Versions(
        Guid objectId, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var answer = await objects.ListVersionsAsync(
            new Wire.ListVersionsRequest { TenantId = TenantScope.Of(http), ObjectId = objectId.ToString() });
        return TypedResults.Ok(ListAnswer<VersionAnswer>.Of(answer.Versions, Describe));
    }

    private static async Task<Ok<VersionContentAnswer>> Version(
        Guid objectId, long version, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var answer = await objects.GetVersionAsync(
            new Wire.GetVersionRequest { TenantId = TenantScope.Of(http), ObjectId = objectId.ToString(), Version = version });
        return TypedResults.Ok(new VersionContentAnswer(Describe(answer.Version), Describe(answer.Content)));
    }

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Restore(
        Guid objectId, long version, WithReasonRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.RestoreVersionAsync(new Wire.RestoreVersionRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ExpectedVersion = expected,
            Version = version,
            Reason = request.Reason,
        })).Version);

    /// <summary>A change by somebody who saw the version in If-Match, or does not care.</summary>
    internal static async Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Changed(HttpContext http, Func<long, Task<long>> change)
    {
        var seen = http.Request.Headers.IfMatch.ToString();
        var expected = 0L;
        return seen.Length > 0 && !long.TryParse(seen.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out expected)
            ? Problem.Of(400, "If-Match must be a version, for example \"3\".")
            : TypedResults.Ok(new ThresholdsChangedAnswer(await change(expected)));
    }

    private static ProtectedObjectAnswer Describe(Wire.ProtectedObject item) => new(
        item.ObjectId,
        item.ServiceCode,
        item.Name,
        item.Prefixes,
        [.. item.Thresholds.Select(ThresholdContent.Of)],
        item.Version,
        [.. item.WiderThresholds.Select(ThresholdContent.Of)],
        [.. item.Floors.Select(ThresholdContent.Of)],
        item.Profile,
        new LearningContent(item.Learning.Mode, item.Learning.Margin, item.Learning.FloorShare, item.Learning.Zone),
        item.DeclaredBitsPerSecond,
        [
            .. item.MarkedFloors.Select(mark => new MarkedFloorAnswer(
                mark.AnomalyId, FloorBoundsAnswer.Of(mark.Bounds), mark.Since.ToDateTimeOffset(), [.. mark.Thresholds.Select(ThresholdContent.Of)])),
        ]);

    private static VersionAnswer Describe(Wire.ObjectVersion version) => new(
        version.Version,
        version.ChangedAt.ToDateTimeOffset(),
        version.ChangedBy,
        version.Reason,
        version.Kind,
        [.. version.Differences.Select(difference => new DifferenceAnswer(difference.What, difference.Before, difference.After))]);
}

using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.Relearning;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.ProtectedObjects;

/// <summary>gRPC surface of protected objects: what is watched, from which rate on, and how that came to be.</summary>
internal sealed class ProtectedObjectsService(NpgsqlDataSource database, StreamStore store, Relearnings relearnings, TimeProvider clock)
    : Wire.ProtectedObjects.ProtectedObjectsBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<ListProtectedObjectsResponse> ListProtectedObjects(
        ListProtectedObjectsRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var rows = await ListedObjects.Read(database, tenant, context.CancellationToken);
        return new ListProtectedObjectsResponse { Objects = { rows.Select(row => row.Describe()) } };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<AddProtectedObjectResponse> AddProtectedObject(AddProtectedObjectRequest request, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(request.TenantId));
        var now = clock.GetUtcNow();
        var command = new AddObject(
            Guid.CreateVersion7(now),
            request.Name,
            [.. request.Prefixes.Select(ObjectWire.ReadPrefix)],
            request.Profile.Length == 0 ? ThresholdProfiles.Generic : request.Profile,
            context.Caller().OperatorId,
            request.Reason,
            now);
        var (key, _) = await ObjectStreams.Find(session, request.ServiceCode, context.CancellationToken);
        var decision = await session.Handle(
            ProtectedObjectState.Stream, key, state => ProtectedObjectDecider.Decide(state, command), context.Cause(), context.CancellationToken);
        decision.OrThrow();
        var (after, _) = await session.Load(ProtectedObjectState.Stream, key, context.CancellationToken);
        var added = ProtectedObjectDecider.Find(after, command.Name.Trim())
            ?? throw ProtectedObjectRejections.Unknown(command.ObjectId).ToRpcException(); // asked again after it was removed
        return new AddProtectedObjectResponse { ObjectId = added.ObjectId.ToString(), Version = added.Version };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> ChangeGrouping(ChangeGroupingRequest request, ServerCallContext context)
    {
        var command = new ChangeGrouping(
            IdOf(request.ObjectId),
            request.Name,
            [.. request.Prefixes.Select(ObjectWire.ReadPrefix)],
            Expected(request.ExpectedVersion),
            context.Caller().OperatorId,
            request.Reason,
            clock.GetUtcNow());
        return await Settings(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<RemoveProtectedObjectResponse> RemoveProtectedObject(RemoveProtectedObjectRequest request, ServerCallContext context)
    {
        var command = new RemoveObject(
            IdOf(request.ObjectId), Expected(request.ExpectedVersion), context.Caller().OperatorId, request.Reason, clock.GetUtcNow());
        await Change(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
        return new RemoveProtectedObjectResponse();
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<ChangeThresholdsResponse> ChangeThresholds(ChangeThresholdsRequest request, ServerCallContext context)
    {
        var thresholds = request.Thresholds.Select(ObjectWire.Read).ToArray();
        var command = new ChangeThresholds(
            IdOf(request.ObjectId),
            [.. thresholds.Where(threshold => !request.AllLevels || threshold.IsOfHosts)],
            Expected(request.ExpectedVersion),
            clock.GetUtcNow(),
            request.AllLevels ? [.. thresholds.Where(threshold => !threshold.IsOfHosts)] : null,
            context.Caller().OperatorId,
            request.Reason);
        return new ChangeThresholdsResponse
        {
            Version = await Change(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context),
        };
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<ListVersionsResponse> ListVersions(ListVersionsRequest request, ServerCallContext context)
    {
        var versions = await Versions(request.TenantId, IdOf(request.ObjectId), context);
        return new ListVersionsResponse { Versions = { versions.Select(known => known.Version).Reverse() } };
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<GetVersionResponse> GetVersion(GetVersionRequest request, ServerCallContext context)
    {
        var versions = await Versions(request.TenantId, IdOf(request.ObjectId), context);
        var (version, content) = versions.FirstOrDefault(known => known.Content.Version == request.Version);
        return version is null
            ? throw ProtectedObjectRejections.VersionUnknown(request.Version).ToRpcException()
            : new GetVersionResponse { Version = version, Content = content.Describe() };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> RestoreVersion(RestoreVersionRequest request, ServerCallContext context)
    {
        var command = new RestoreVersion(
            IdOf(request.ObjectId),
            request.Version,
            Expected(request.ExpectedVersion),
            context.Caller().OperatorId,
            request.Reason,
            clock.GetUtcNow());
        return await Settings(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<ListProfilesResponse> ListProfiles(ListProfilesRequest request, ServerCallContext context)
    {
        var declared = (await Content(context.Caller().TenantFor(request.TenantId), request.ObjectId, context)).SettingsOrDefault.DeclaredBitsPerSecond;
        return new ListProfilesResponse
        {
            Profiles =
            {
                ThresholdProfiles.Names.Select(name => new Profile { Name = name, Thresholds = { ThresholdProfiles.Of(name, declared)!.Describe() } }),
            },
        };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> ChooseProfile(ChooseProfileRequest request, ServerCallContext context)
    {
        var command = new ChooseProfile(
            IdOf(request.ObjectId),
            request.Profile,
            Expected(request.ExpectedVersion),
            context.Caller().OperatorId,
            request.Reason,
            clock.GetUtcNow());
        return await Settings(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> ChangeLearning(ChangeLearningRequest request, ServerCallContext context)
    {
        var command = new ChangeLearning(
            IdOf(request.ObjectId),
            request.Learning.Read(),
            Expected(request.ExpectedVersion),
            context.Caller().OperatorId,
            request.Reason,
            clock.GetUtcNow(),
            request.Floors is { } floors ? [.. floors.Thresholds.Select(floor => floor.Read() with { IsOwn = false })] : null,
            [.. (request.Floors?.KeptMarks ?? []).Select(IdOf)]);
        return await Settings(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> ForgetLearned(ForgetLearnedRequest request, ServerCallContext context)
    {
        var command = new ForgetLearned(
            IdOf(request.ObjectId), Expected(request.ExpectedVersion), context.Caller().OperatorId, request.Reason, clock.GetUtcNow());
        return await Settings(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> ApplyProposal(ApplyProposalRequest request, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(request.TenantId));
        var id = Guid.TryParse(request.AnomalyId, out var parsed) ? parsed : Guid.Empty;
        var (objectId, mark) = await AnomalyProposals.Find(database, session, id, context.CancellationToken)
            ?? throw AnomalyRejections.NotMarkedFalse(id).ToRpcException();
        var command = new RaiseThresholds(
            objectId,
            mark,
            Expected(request.ExpectedVersion),
            context.Caller().OperatorId,
            request.Reason,
            clock.GetUtcNow());
        return await Settings(request.TenantId, objectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<Learned> GetLearned(GetLearnedRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var content = await Content(tenant, request.ObjectId, context);
        return await LearnedSoFar.Read(database, tenant, content, clock.GetUtcNow(), context.CancellationToken);
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<Wire.RelearningReport> ReportRelearning(ReportRelearningRequest request, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(request.TenantId));
        var (content, report) = await relearnings.Report(session, IdOf(request.ObjectId), request.From, request.Until, context.CancellationToken);
        return report.Describe(content.Version);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<SettingsResponse> ApplyRelearning(ApplyRelearningRequest request, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(request.TenantId));
        var (content, report) = await relearnings.Report(session, IdOf(request.ObjectId), request.From, request.Until, context.CancellationToken);
        if (request.Fingerprint != report.Fingerprint)
        {
            throw ProtectedObjectRejections.RelearningChanged.ToRpcException();
        }

        var command = new ApplyRelearning(
            content.ObjectId,
            report.Applied(content.Thresholds),
            new LearnedPeriod(report.From, report.Until),
            Expected(request.ExpectedVersion) ?? content.Version, // what is not proposed stays as it was when it was read
            context.Caller().OperatorId,
            request.Reason,
            clock.GetUtcNow());
        return await Settings(request.TenantId, command.ObjectId, state => ProtectedObjectDecider.Decide(state, command), context);
    }

    /// <summary>The object as it is now.</summary>
    private async Task<ObjectContent> Content(TenantId tenant, string objectId, ServerCallContext context)
    {
        var (_, state) = await ObjectStreams.Find(store.Tenant(tenant), IdOf(objectId), context.CancellationToken);
        return state.Objects.TryGetValue(IdOf(objectId), out var content)
            ? content
            : throw ProtectedObjectRejections.Unknown(IdOf(objectId)).ToRpcException();
    }

    private async Task<SettingsResponse> Settings(
        string tenantId, Guid objectId, Func<ProtectedObjectState, Decision<ProtectedObjectEvent>> decide, ServerCallContext context) =>
        new() { Version = await Change(tenantId, objectId, decide, context) };

    /// <summary>The version after a change.</summary>
    private async Task<long> Change(
        string tenantId, Guid objectId, Func<ProtectedObjectState, Decision<ProtectedObjectEvent>> decide, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(tenantId));
        var (key, _) = await ObjectStreams.Find(session, objectId, context.CancellationToken);
        var decision = await session.Handle(ProtectedObjectState.Stream, key, decide, context.Cause(), context.CancellationToken);
        decision.OrThrow();
        var (state, _) = await session.Load(ProtectedObjectState.Stream, key, context.CancellationToken);
        return state.Objects[objectId].Version;
    }

    private async Task<IReadOnlyList<(ObjectVersion Version, ObjectContent Content)>> Versions(
        string tenantId, Guid objectId, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(tenantId));
        var versions = await ObjectVersions.Read(session, objectId, context.CancellationToken);
        return versions.Count > 0 ? versions : throw ProtectedObjectRejections.Unknown(objectId).ToRpcException();
    }

    /// <summary>An id of nobody when it is none: not found.</summary>
    private static Guid IdOf(string text) => Guid.TryParse(text, out var id) ? id : Guid.Empty;

    private static long? Expected(long version) => version == 0 ? null : version;
}

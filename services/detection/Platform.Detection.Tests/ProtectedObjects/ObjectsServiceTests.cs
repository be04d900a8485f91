using Grpc.Core;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;

namespace Platform.Detection.Tests.ProtectedObjects;

/// <summary>Objects as their owners see and change them: versions, thresholds, groups of prefixes.</summary>
public sealed class ObjectsServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact, Trait("Requirement", "R17")]
    public async Task Every_version_can_be_shown_and_restored_and_says_who_and_why()
    {
        await Watch("203.0.113.0/24");
        var client = new ObjectsClient(Host.Channel);
        var (id, me) = (_customer.ContractId.ToString(), Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        await client.ChooseProfileAsync(new() { ObjectId = id, Profile = "game", Reason = "a game" }, me);
        await client.ChangeLearningAsync(
            new()
            {
                ObjectId = id,
                Reason = "first look",
                Learning = new Platform.Contracts.Grpc.Detection.V1.Learning { Mode = "propose", Margin = 1.5, FloorShare = 0.2, Zone = "Europe/Berlin" },
            },
            me);
        await client.ForgetLearnedAsync(new() { ObjectId = id, ExpectedVersion = 3, Reason = "it was an attack" }, me);
        var answer = await client.RestoreVersionAsync(new() { ObjectId = id, Version = 1, ExpectedVersion = 4, Reason = "back" }, me);

        Assert.Equal(5, answer.Version);
        var versions = (await client.ListVersionsAsync(new() { ObjectId = id }, viewer)).Versions;
        Assert.Equal(["restored", "forgotten", "learning", "profile", "added"], versions.Select(version => version.Kind));
        Assert.Equal(["back", "it was an attack", "first look", "a game", ""], versions.Select(version => version.Reason));
        Assert.All(versions.Take(4), version => Assert.NotEmpty(version.ChangedBy));
        Assert.Contains(versions[3].Differences, difference => difference is { What: "profile", Before: "generic", After: "game" });
        var third = (await client.GetVersionAsync(new() { ObjectId = id, Version = 3 }, viewer)).Content;
        Assert.Equal(("game", "propose", "Europe/Berlin"), (third.Profile, third.Learning.Mode, third.Learning.Zone));
        await Host.CatchUp();
        var now = Assert.Single(await Objects());
        Assert.Equal(("generic", "apply", 5L), (now.Profile, now.Learning.Mode, now.Version));

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.NotFound, () => client.ListVersionsAsync(new() { ObjectId = id }, stranger).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.GetVersionAsync(new() { ObjectId = id, Version = 1 }, stranger).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.RestoreVersionAsync(new() { ObjectId = id, Version = 1, Reason = "x" }, stranger).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.ForgetLearnedAsync(new() { ObjectId = id, Reason = "x" }, stranger).ResponseAsync);
        await Refused(StatusCode.PermissionDenied, () => client.ForgetLearnedAsync(new() { ObjectId = id, Reason = "x" }, viewer).ResponseAsync);
        await Refused(StatusCode.PermissionDenied, () => client.RestoreVersionAsync(new() { ObjectId = id, Version = 1, Reason = "x" }, viewer).ResponseAsync);
    }

    [Fact]
    public async Task Other_thresholds_count_within_a_second_and_are_a_version_of_their_own()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await using var thresholds = await Host.Listen<ThresholdsChanged>();
        await Watch("203.0.113.0/24");
        var watched = Assert.Single(await Objects());
        var client = new ObjectsClient(Host.Channel);
        var change = new ChangeThresholdsRequest
        {
            ObjectId = watched.ObjectId,
            Thresholds = { new Threshold { Vector = "total", PacketsPerSecond = 100 } },
            ExpectedVersion = 1,
            Reason = "a small one",
        };

        await Refused(StatusCode.NotFound, change, TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.PermissionDenied, change, TenantId.Of(_customer.TenantId), Roles.Viewer);
        await Refused(
            StatusCode.InvalidArgument,
            new() { ObjectId = watched.ObjectId, Thresholds = { new Threshold { Vector = "gre" } }, Reason = "no rate" },
            TenantId.Of(_customer.TenantId),
            Roles.Operator);
        await Refused(StatusCode.InvalidArgument, new(change) { Reason = "" }, TenantId.Of(_customer.TenantId), Roles.Operator);
        var answer = await client.ChangeThresholdsAsync(change, Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        Assert.Equal(2, answer.Version);
        await Refused(StatusCode.FailedPrecondition, new(change) { Thresholds = { new Threshold { Vector = "udp", PacketsPerSecond = 1 } } },
            TenantId.Of(_customer.TenantId), Roles.Operator);

        Assert.Equal(2, (await thresholds.Get(fact => fact.ServiceCode == _customer.ServiceCode && fact.Version == 2)).Version);
        await Eventually.Passes(async () =>
        {
            await _service.Send(_customer, "203.0.113.10", packets: 101);
            Assert.Contains(detected.Facts, fact => fact.ServiceCode == _customer.ServiceCode);
        });
    }

    [Fact, Trait("Requirement", "R17")]
    public async Task Prefixes_grouped_under_a_name_are_judged_by_their_own_thresholds_within_a_second_and_nobody_else_groups_them()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await using var thresholds = await Host.Listen<ThresholdsChanged>();
        await using var retired = await Host.Listen<ProtectedObjectRetired>();
        await Watch("203.0.113.0/24", "198.51.100.0/24");
        var client = new ObjectsClient(Host.Channel);
        var me = Host.As(TenantId.Of(_customer.TenantId), Roles.Operator);
        var add = new AddProtectedObjectRequest
        {
            ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.0/24" }, Profile = "web", Reason = "another team",
        };

        var added = await client.AddProtectedObjectAsync(add, me);
        Assert.Equal(added.ObjectId, (await client.AddProtectedObjectAsync(add, me)).ObjectId); // asked again
        var change = new ChangeThresholdsRequest
        {
            ObjectId = added.ObjectId, Thresholds = { new Threshold { Vector = "total", PacketsPerSecond = 100 } }, ExpectedVersion = 1, Reason = "small",
        };
        Assert.Equal(2, (await client.ChangeThresholdsAsync(change, me)).Version); // at once, whatever the views know

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Operator);
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        var regroup = new ChangeGroupingRequest { ObjectId = added.ObjectId, Name = "store", Prefixes = { "203.0.113.0/25" }, Reason = "half of it" };
        var remove = new RemoveProtectedObjectRequest { ObjectId = added.ObjectId, ExpectedVersion = 3, Reason = "no longer apart" };
        foreach (var (status, who) in (IEnumerable<(StatusCode, Metadata)>)[(StatusCode.NotFound, stranger), (StatusCode.PermissionDenied, viewer)])
        {
            await Refused(status, () => client.AddProtectedObjectAsync(new(add) { Name = "theirs" }, who).ResponseAsync);
            await Refused(status, () => client.ChangeGroupingAsync(regroup, who).ResponseAsync);
            await Refused(status, () => client.RemoveProtectedObjectAsync(remove, who).ResponseAsync);
            await Refused(status, () => client.ChangeThresholdsAsync(change, who).ResponseAsync);
        }

        await Refused(StatusCode.InvalidArgument, () => client.AddProtectedObjectAsync(new(add) { Name = "x", Prefixes = { "203.0.113.1/24" } }, me).ResponseAsync);

        await Eventually.Passes(async () =>
        {
            await _service.Send(_customer, "203.0.113.10", packets: 101, objectId: added.ObjectId);
            Assert.Contains(detected.Facts, fact => fact.ObjectId.ToString() == added.ObjectId && fact.ServiceCode == _customer.ServiceCode);
        });

        Assert.Equal(3, (await client.ChangeGroupingAsync(regroup, me)).Version);
        Assert.Equal(4, (await client.RestoreVersionAsync(new() { ObjectId = added.ObjectId, Version = 1, Reason = "all of it" }, me)).Version);
        var versions = (await client.ListVersionsAsync(new() { ObjectId = added.ObjectId }, viewer)).Versions;
        Assert.Equal(["restored", "grouped", "thresholds", "added"], versions.Select(version => version.Kind));
        Assert.Equal(["all of it", "half of it", "small", "another team"], versions.Select(version => version.Reason));
        Assert.All(versions, version => Assert.NotEmpty(version.ChangedBy));
        Assert.Contains(versions[1].Differences, difference => difference is { What: "name", Before: "shop", After: "store" });
        Assert.Contains(versions[1].Differences, difference => difference is { What: "prefixes", Before: "203.0.113.0/24", After: "203.0.113.0/25" });
        var halved = (await client.GetVersionAsync(new() { ObjectId = added.ObjectId, Version = 3 }, viewer)).Content;
        Assert.Equal(("store", "203.0.113.0/25"), (halved.Name, Assert.Single(halved.Prefixes)));

        await Host.CatchUp();
        var objects = await Objects();
        Assert.Equal(["default 198.51.100.0/24", "shop 203.0.113.0/24"], objects.Select(known => $"{known.Name} {string.Join(' ', known.Prefixes)}"));

        await Refused(StatusCode.FailedPrecondition, () => client.RemoveProtectedObjectAsync(remove, me).ResponseAsync); // version 3 is gone
        await client.RemoveProtectedObjectAsync(new(remove) { ExpectedVersion = 4 }, me);
        Assert.Equal(added.ObjectId, (await retired.Get(fact => fact.ServiceCode == _customer.ServiceCode)).ObjectId.ToString());
        var whole = await thresholds.Get(fact => fact.ObjectId == _customer.ContractId && fact.Version == 5);
        Assert.Equal(["203.0.113.0/24", "198.51.100.0/24"], whole.Prefixes);
        await Host.CatchUp();
        Assert.Equal(["default"], (await Objects()).Select(known => known.Name));
    }
}

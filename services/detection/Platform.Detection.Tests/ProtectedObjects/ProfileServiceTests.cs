using Grpc.Core;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Client = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;

namespace Platform.Detection.Tests.ProtectedObjects;

/// <summary>A customer sees what a profile would set, and takes it.</summary>
public sealed class ProfileServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    [Fact]
    public async Task What_a_profile_was_said_to_set_is_what_it_sets_and_other_tenants_see_nothing()
    {
        await using var service = await ADetectionService.Start(database, broker);
        var customer = Customer.New();
        await service.Host.Deliver(customer.Signed("203.0.113.0/24"), Customer.NewId());
        await service.Host.CatchUp();
        var (client, id) = (new Client(service.Host.Channel), customer.ContractId.ToString());
        var (viewer, me) = (service.Host.As(TenantId.Of(customer.TenantId), Roles.Viewer), service.Host.As(TenantId.Of(customer.TenantId), Roles.Operator));

        var profiles = (await client.ListProfilesAsync(new() { ObjectId = id }, viewer)).Profiles;
        Assert.Equal(["generic", "web", "dns", "game", "mail", "eyeball"], profiles.Select(profile => profile.Name));
        foreach (var profile in profiles)
        {
            var set = await client.ChooseProfileAsync(new() { ObjectId = id, Profile = profile.Name, Reason = "to see it" }, me);
            var content = (await client.GetVersionAsync(new() { ObjectId = id, Version = set.Version }, viewer)).Content;
            Assert.Equal(profile.Thresholds, content.Thresholds.Concat(content.WiderThresholds));
            Assert.All(profile.Thresholds, threshold => Assert.True(threshold.BitsPerSecond + threshold.PacketsPerSecond + threshold.FlowsPerSecond > 0));
        }

        var stranger = service.Host.As(TenantId.Of(Customer.NewId()), Roles.Viewer);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => client.ListProfilesAsync(new() { ObjectId = id }, stranger).ResponseAsync);
        Assert.Equal("protected-object-not-found", refusal.Trailers.GetValue("platform-code"));
    }
}

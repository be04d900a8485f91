using System.Reflection;

namespace Platform.EventStore.Tests;

/// <summary>Code that holds one tenant's session cannot reach another tenant's stream.</summary>
public sealed class TenancyTests(AStore given) : IClassFixture<AStore>
{
    private readonly TenantId _acme = TenantId.Of(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()));
    private readonly TenantId _borg = TenantId.Of(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_key_names_different_streams_of_different_tenants()
    {
        await given.Count(_acme, "same", 1);
        await given.Count(_borg, "same", 2, 3);

        Assert.Equal((new TallyState(1, 1), 1), await given.Store.Tenant(_acme).Load(TallyState.Stream, "same", Token));
        Assert.Equal((new TallyState(5, 2), 2), await given.Store.Tenant(_borg).Load(TallyState.Stream, "same", Token));
        Assert.Equal((new TallyState(0, 0), 0), await given.Store.Tenant(TenantId.Provider).Load(TallyState.Stream, "same", Token));
        Assert.Equal(["same"], await given.Store.Tenant(_borg).Keys(TallyState.Stream, Token));
    }

    [Theory]
    [InlineData("@:secret")]
    [InlineData("tally:secret")]
    [InlineData("x' or tenant_id <> '")]
    [InlineData("%")]
    [InlineData("*")]
    [InlineData("")]
    public async Task No_key_leads_to_a_stream_of_another_tenant(string attempt)
    {
        var key = attempt.Replace("@", _borg.Value, StringComparison.Ordinal);
        await given.Count(_borg, "secret", 42);
        var session = given.Store.Tenant(_acme);
        async Task<int> Try() => (await session.Load(TallyState.Stream, key, Token)).State.Total + (await session.Read(TallyState.Stream, key, Token)).Count;

        if (key.Contains(':', StringComparison.Ordinal))
        {
            await Assert.ThrowsAsync<ArgumentException>(Try);
        }
        else
        {
            Assert.Equal(0, await Try());
        }

        await session.Erase(new Erasure(Guid.Parse("0190eeee-0000-7000-8000-000000000003"), [TallyState.Stream.For("secret")], []), Token);
        Assert.Equal(42, (await given.Store.Tenant(_borg).Load(TallyState.Stream, "secret", Token)).State.Total);
    }

    [Fact]
    public void No_member_of_a_session_takes_a_tenant_or_gives_out_the_store()
    {
        var members = typeof(TenantSession).GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);

        var parameters = members.OfType<MethodInfo>().SelectMany(method => method.GetParameters()).Select(parameter => parameter.ParameterType);
        Assert.DoesNotContain(typeof(TenantId), parameters);
        Assert.DoesNotContain(typeof(StreamStore), parameters);
        Assert.All(members.OfType<PropertyInfo>(), property => Assert.Equal((typeof(TenantId), false), (property.PropertyType, property.CanWrite)));
        Assert.Empty(typeof(TenantSession).GetConstructors());
    }

    [Fact]
    public async Task A_session_of_nobody_cannot_be_had() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => given.Store.Tenant(default).Load(TallyState.Stream, "a", Token));
}

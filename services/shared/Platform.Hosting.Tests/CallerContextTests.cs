using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Hosting.Tests;

/// <summary>A service believes only what the gateway signed, and only for a minute.</summary>
public sealed class CallerContextTests : IDisposable
{
    private static readonly Guid Mine = Guid.Parse("0190bbbb-0000-7000-8000-000000000001");
    private static readonly Guid Other = Guid.Parse("0190bbbb-0000-7000-8000-000000000002");
    private static readonly Caller Customer = new("0190cccc-0000-7000-8000-000000000001", TenantId.Of(Mine), Roles.Operator, "198.51.100.7");
    private static readonly Caller Staff = Customer with { Tenant = TenantId.Provider, Role = Roles.ProviderOperator };

    private readonly string _folder = Directory.CreateTempSubdirectory("caller").FullName;
    private readonly ManualTimeProvider _clock = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public void What_the_gateway_signed_is_read_back()
    {
        using var gateway = Keys("gateway", sign: true);
        using var service = Keys("gateway", sign: false);

        Assert.Equal(Customer, service.Verify(gateway.Sign(Customer)));
    }

    /// <summary>First every service learns the next key, then the gateway signs with it, then the old one is forgotten.</summary>
    [Fact]
    public void While_the_gateway_changes_its_key_both_are_believed()
    {
        using var before = Keys("gateway", sign: true);
        using var after = Keys("gateway-next", sign: true);
        var both = Path.Combine(_folder, "both.pub");
        File.WriteAllText(both, File.ReadAllText(Path.Combine(_folder, "gateway.pub")) + "\n" + File.ReadAllText(Path.Combine(_folder, "gateway-next.pub")) + "\n");
        using var service = new CallerContext(Options.Create(new CallerOptions { VerificationKeyFile = both }), _clock);

        Assert.Equal(Customer, service.Verify(before.Sign(Customer)));
        Assert.Equal(Customer, service.Verify(after.Sign(Customer)));
        using var forger = Keys("forger", sign: true);
        Assert.Null(service.Verify(forger.Sign(Customer)));
    }

    [Fact]
    public void A_context_of_another_key_is_refused()
    {
        using var forger = Keys("forger", sign: true);
        using var service = Keys("gateway", sign: false);

        Assert.Null(service.Verify(forger.Sign(Staff)));
    }

    [Fact]
    public void A_context_whose_content_was_changed_is_refused()
    {
        using var gateway = Keys("gateway", sign: true);
        var signed = gateway.Sign(Customer).Split('.');
        var payload = Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(signed[0]));
        var raised = payload.Replace("\"operator\"", "\"provider-operator\"", StringComparison.Ordinal);
        Assert.NotEqual(payload, raised);

        Assert.Null(gateway.Verify($"{System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(raised))}.{signed[1]}"));
    }

    [Fact]
    public void A_context_dies_after_its_lifetime()
    {
        using var gateway = Keys("gateway", sign: true);
        var signed = gateway.Sign(Customer);

        _clock.Advance(CallerContext.Lifetime);
        Assert.NotNull(gateway.Verify(signed));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(gateway.Verify(signed));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a.b.c")]
    [InlineData("not base64!.x")]
    [InlineData("e30.e30")]
    public void Nonsense_is_refused(string nonsense)
    {
        using var gateway = Keys("gateway", sign: true);
        Assert.Null(gateway.Verify(nonsense));
    }

    [Fact]
    public void A_service_without_the_private_key_cannot_sign()
    {
        using var service = Keys("gateway", sign: false);
        Assert.Throws<InvalidOperationException>(() => service.Sign(Staff));
    }

    [Fact]
    public void A_customers_operator_gets_the_own_tenant_and_nobody_elses()
    {
        Assert.Equal(TenantId.Of(Mine), Customer.TenantFor(""));
        Assert.Equal(TenantId.Of(Mine), Customer.TenantFor(Mine.ToString()));
        Assert.Equal(StatusCode.NotFound, Assert.Throws<RpcException>(() => Customer.TenantFor(Other.ToString())).StatusCode);
        Assert.Equal(StatusCode.NotFound, Assert.Throws<RpcException>(() => Customer.TenantFor("provider")).StatusCode);
        Assert.Equal(StatusCode.NotFound, Assert.Throws<RpcException>(() => Customer.TenantOrAll("*")).StatusCode);
    }

    [Fact]
    public void The_providers_staff_names_a_tenant_or_means_all()
    {
        Assert.Equal(TenantId.Of(Other), Staff.TenantFor(Other.ToString()));
        Assert.Null(Staff.TenantOrAll(""));
        Assert.Equal(StatusCode.NotFound, Assert.Throws<RpcException>(() => Staff.TenantFor("")).StatusCode);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private CallerContext Keys(string name, bool sign)
    {
        var file = Path.Combine(_folder, name);
        if (!File.Exists(file))
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
            File.WriteAllText(file + ".pub", key.ExportSubjectPublicKeyInfoPem());
        }

        return new CallerContext(
            Options.Create(new CallerOptions { VerificationKeyFile = file + ".pub", SigningKeyFile = sign ? file : null }), _clock);
    }
}

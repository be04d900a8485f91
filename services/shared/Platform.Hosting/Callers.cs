using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>Who stands behind a call, as the gateway authenticated it.</summary>
/// <param name="OperatorId">UUID text of the operator, or <c>gateway</c> for calls before sign-in.</param>
/// <param name="Tenant">The operator's tenant; <see cref="TenantId.Provider"/> for the provider's staff.</param>
/// <param name="Role">One of <see cref="Roles"/>.</param>
/// <param name="SourceAddress">Where the person's connection comes from.</param>
public sealed record Caller(string OperatorId, TenantId Tenant, string Role, string? SourceAddress)
{
    /// <summary>Whether the caller belongs to the provider's staff.</summary>
    public bool IsProvider => Tenant == TenantId.Provider;

    /// <summary>
    /// The tenant that a request is about: a customer's operator gets the own tenant and nobody else's, the provider's staff must name one.
    /// </summary>
    /// <param name="requested">Tenant id of the request; empty for the caller's own.</param>
    /// <exception cref="RpcException">NotFound, code <c>tenant-not-found</c>: another customer's tenant, or none named.</exception>
    public TenantId TenantFor(string requested) =>
        TenantOrAll(requested) ?? throw TenantNotFound.ToRpcException();

    /// <summary>As <see cref="TenantFor"/>, but null (all tenants) when the provider's staff name none.</summary>
    public TenantId? TenantOrAll(string requested)
    {
        if (requested.Length == 0)
        {
            return IsProvider ? null : Tenant;
        }

        return TenantId.TryParse(requested, null, out var tenant) && (IsProvider || tenant == Tenant)
            ? tenant
            : throw TenantNotFound.ToRpcException();
    }

    private static Rejection TenantNotFound { get; } =
        new(RejectionKind.NotFound, "tenant-not-found", "There is no such tenant.", "Name a tenant that you may act for.");
}

/// <summary>Roles of operators. Provider roles and customer roles are apart: no role is in both.</summary>
public static class Roles
{
    /// <summary>Customer: everything in the own tenant, operators included.</summary>
    public const string Administrator = "administrator";

    /// <summary>Customer: changes settings, acts on mitigations.</summary>
    public const string Operator = "operator";

    /// <summary>Customer: reads.</summary>
    public const string Viewer = "viewer";

    /// <summary>Provider: runs the service, for all tenants.</summary>
    public const string ProviderOperator = "provider-operator";

    /// <summary>Provider: maintains the installation.</summary>
    public const string ProviderMaintainer = "provider-maintainer";

    /// <summary>Provider: reads everything but residual data.</summary>
    public const string ProviderAuditor = "provider-auditor";

    /// <summary>The gateway itself, before anybody has signed in.</summary>
    public const string Gateway = "gateway";
}

/// <summary>Names of what an endpoint or method may demand. One without any refuses everybody.</summary>
public static class Policies
{
    /// <summary>Every operator, customer's or provider's.</summary>
    public const string Read = nameof(Read);

    /// <summary>Customer administrators and operators; provider operators.</summary>
    public const string Operate = nameof(Operate);

    /// <summary>Customer administrators; provider operators.</summary>
    public const string Administer = nameof(Administer);

    /// <summary>The provider's staff, reading.</summary>
    public const string ProviderRead = nameof(ProviderRead);

    /// <summary>Provider operators and maintainers, changing.</summary>
    public const string ProviderOperate = nameof(ProviderOperate);

    /// <summary>The gateway before sign-in.</summary>
    public const string Gateway = nameof(Gateway);

    internal static readonly Dictionary<string, string[]> RolesByPolicy = new()
    {
        [Read] = [Roles.Administrator, Roles.Operator, Roles.Viewer, Roles.ProviderOperator, Roles.ProviderMaintainer, Roles.ProviderAuditor],
        [Operate] = [Roles.Administrator, Roles.Operator, Roles.ProviderOperator],
        [Administer] = [Roles.Administrator, Roles.ProviderOperator],
        [ProviderRead] = [Roles.ProviderOperator, Roles.ProviderMaintainer, Roles.ProviderAuditor],
        [ProviderOperate] = [Roles.ProviderOperator, Roles.ProviderMaintainer],
        [Gateway] = [Roles.Gateway],
    };
}

/// <summary>Keys of the caller context. Bound from the <c>Caller</c> section.</summary>
public sealed class CallerOptions : IValidatableObject
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Caller";

    /// <summary>
    /// PEM file with the public keys (ECDSA P-256), one of which a caller context must be signed for; two while the gateway changes its key. Services cannot sign.
    /// </summary>
    [Required(ErrorMessage = "must name a PEM file with the gateway's public key.")]
    public string VerificationKeyFile { get; init; } = "";

    /// <summary>PEM file with the private key. Set at the gateway only.</summary>
    public string? SigningKeyFile { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        from setting in new (string Name, string? File)[] { (nameof(VerificationKeyFile), VerificationKeyFile), (nameof(SigningKeyFile), SigningKeyFile) }
        where setting.File is not null && !File.Exists(setting.File)
        select new ValidationResult("must name a PEM file that exists and can be read.", [setting.Name]);
}

/// <summary>Signs and checks the short-lived statement of who calls that travels in gRPC metadata.</summary>
/// <remarks>Form: base64url(JSON) "." base64url(ECDSA P-256 signature over the first part, SHA-256). Valid for <see cref="Lifetime"/>.</remarks>
public sealed class CallerContext(IOptions<CallerOptions> options, TimeProvider clock) : IDisposable
{
    /// <summary>Metadata key and HTTP header.</summary>
    public const string Header = "x-platform-caller";

    /// <summary>How long a signed context is accepted: long enough for a call, too short to be worth stealing.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    private readonly ECDsa[] _verify = [.. Read(options.Value.VerificationKeyFile)];
    private readonly ECDsa? _sign = options.Value.SigningKeyFile is { } file ? Read(file).First() : null;

    /// <summary>A signed context for this caller, valid from now.</summary>
    public string Sign(Caller caller)
    {
        var statement = new Statement(
            caller.OperatorId, caller.Tenant.Value, caller.Role, caller.SourceAddress, (clock.GetUtcNow() + Lifetime).ToUnixTimeSeconds());
        var payload = JsonSerializer.SerializeToUtf8Bytes(statement);
        var key = _sign ?? throw new InvalidOperationException("Caller:SigningKeyFile is not set: only the gateway signs.");
        lock (key)
        {
            return $"{Base64Url(payload)}.{Base64Url(key.SignData(payload, HashAlgorithmName.SHA256))}";
        }
    }

    /// <summary>The caller, or null when the text is malformed, forged or out of date.</summary>
    public Caller? Verify(string context)
    {
        var parts = context.Split('.');
        if (parts.Length != 2 || !TryDecode(parts[0], out var payload) || !TryDecode(parts[1], out var signature))
        {
            return null;
        }

        lock (_verify)
        {
            if (!_verify.Any(key => key.VerifyData(payload, signature, HashAlgorithmName.SHA256)))
            {
                return null;
            }
        }

        var statement = JsonSerializer.Deserialize<Statement>(payload)!;
        return statement.Expires < clock.GetUtcNow().ToUnixTimeSeconds() || !TenantId.TryParse(statement.Tenant, null, out var tenant)
            ? null
            : new Caller(statement.Operator, tenant, statement.Role, statement.Source);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Array.ForEach(_verify, key => key.Dispose());
        _sign?.Dispose();
    }

    private static IEnumerable<ECDsa> Read(string file)
    {
        var text = File.ReadAllText(file);
        do
        {
            var end = PemEncoding.TryFind(text, out var found) ? found.Location.End.GetOffset(text.Length) : text.Length;
            var key = ECDsa.Create();
            key.ImportFromPem(text.AsSpan(0, end)); // refuses what is no key
            yield return key;
            text = text[end..];
        }
        while (PemEncoding.TryFind(text, out _));
    }

    private static string Base64Url(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    private static bool TryDecode(string text, out byte[] bytes)
    {
        var valid = System.Buffers.Text.Base64Url.IsValid(text);
        bytes = valid ? System.Buffers.Text.Base64Url.DecodeFromChars(text) : [];
        return valid;
    }

    private sealed record Statement(string Operator, string Tenant, string Role, string? Source, long Expires);
}

/// <summary>Callers of the current request.</summary>
public static class CallerExtensions
{
    internal const string Scheme = "Caller";
    private static readonly object Key = new();

    /// <summary>Who calls. Throws when nobody was authenticated, which a stated policy makes impossible.</summary>
    public static Caller Caller(this HttpContext http) =>
        http.Items[Key] as Caller ?? throw new UnreachableException("No caller: the endpoint states no policy.");

    /// <summary>Who calls this gRPC method.</summary>
    public static Caller Caller(this ServerCallContext call) => call.GetHttpContext().Caller();

    /// <summary>Why this gRPC method appends: the caller's idempotency key when it gave one, else this very call.</summary>
    public static Cause Cause(this ServerCallContext call)
    {
        var caller = call.Caller();
        var id = call.RequestHeaders.GetValue("x-idempotency-key") is { Length: > 0 } key
            ? $"{caller.OperatorId}:{key}"
            : Guid.CreateVersion7(call.GetHttpContext().RequestServices.GetRequiredService<TimeProvider>().GetUtcNow()).ToString("N");
        return new Cause($"grpc:{id}", caller.OperatorId, caller.SourceAddress, Activity.Current?.TraceId.ToHexString());
    }

    internal static void AddCallers(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<CallerOptions>(CallerOptions.Section);
        builder.Services.AddSingleton<CallerContext>();
        builder.Services.AddAuthentication(Scheme).AddScheme<AuthenticationSchemeOptions, Handler>(Scheme, null);
        var authorization = builder.Services.AddAuthorizationBuilder();
        // Default deny: what states no policy is open to nobody.
        authorization.SetFallbackPolicy(new Microsoft.AspNetCore.Authorization.AuthorizationPolicyBuilder().RequireAssertion(_ => false).Build());
        foreach (var (policy, roles) in Policies.RolesByPolicy)
        {
            authorization.AddPolicy(policy, requirement => requirement.RequireRole(roles));
        }
    }

    private sealed class Handler(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, CallerContext callers)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            if (Request.Headers[CallerContext.Header].ToString() is not { Length: > 0 } signed)
            {
                return Task.FromResult(AuthenticateResult.NoResult());
            }

            if (callers.Verify(signed) is not { } caller)
            {
                return Task.FromResult(AuthenticateResult.Fail("The caller context is malformed, forged or out of date."));
            }

            Context.Items[Key] = caller;
            var identity = new ClaimsIdentity(
                [new Claim(ClaimTypes.NameIdentifier, caller.OperatorId), new Claim(ClaimTypes.Role, caller.Role)], CallerExtensions.Scheme);
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), CallerExtensions.Scheme)));
        }
    }
}

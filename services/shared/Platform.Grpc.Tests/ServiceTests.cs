using System.Security.Claims;
using System.Text.Encodings.Web;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Platform.Grpc.Tests;

/// <summary>Services as endpoints of ASP.NET Core.</summary>
public sealed class ServiceTests
{
    private const int Hung = 60_000;

    [Fact(Timeout = Hung)]
    public async Task Each_call_has_an_instance_and_services_of_its_own()
    {
        var lives = new Lives();
        await using var server = await ConversationServer.Start<Mortal>(builder =>
            builder.Services.AddSingleton(lives).AddScoped<Scoped>());

        await server.Client.SayAsync(new Line());
        await server.Client.SayAsync(new Line());

        Assert.Equal(2, lives.Born.Distinct().Count());
        Assert.Equal(2, lives.Scopes.Distinct().Count());
        Assert.Equal(2, lives.Ended);
    }

    [Fact(Timeout = Hung)]
    public async Task A_registered_service_is_used_as_it_is_registered()
    {
        var lives = new Lives();
        await using var server = await ConversationServer.Start<Mortal>(builder =>
            builder.Services.AddSingleton(lives).AddSingleton<Scoped>().AddSingleton<Mortal>());

        await server.Client.SayAsync(new Line());
        await server.Client.SayAsync(new Line());

        Assert.Single(lives.Born.Distinct());
        Assert.Equal(0, lives.Ended);
    }

    [Theory(Timeout = Hung)]
    [InlineData(null, StatusCode.Unauthenticated)]
    [InlineData("viewer", StatusCode.PermissionDenied)]
    [InlineData("operator", StatusCode.OK)]
    public async Task The_attributes_of_class_and_method_decide_who_may_call(string? role, StatusCode expected)
    {
        await using var server = await StartGuarded();
        var headers = role is null ? [] : new Metadata { { "role", role } };

        using var guarded = server.Client.SayAsync(new Line(), headers);
        await Record.ExceptionAsync(() => guarded.ResponseAsync);
        Assert.Equal(expected, guarded.GetStatus().StatusCode);

        using var open = server.Client.Recite(new Line(), headers); // the method allows anybody
        Assert.False(await open.ResponseStream.MoveNext(default));

        using var unstated = server.Client.Collect(headers); // neither class nor method say which policy: any proven caller
        await unstated.RequestStream.CompleteAsync();
        await Record.ExceptionAsync(() => unstated.ResponseAsync);
        Assert.Equal(role is null ? StatusCode.Unauthenticated : StatusCode.OK, unstated.GetStatus().StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task Endpoints_carry_their_method_and_its_attributes()
    {
        await using var server = await StartGuarded();

        var endpoints = server.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .ToDictionary(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()!.Method.Name);

        Assert.Equal(["Collect", "Converse", "Recite", "Say"], endpoints.Keys.Order());
        Assert.Equal("gRPC - /platform.grpc.tests.Conversation/Say", endpoints["Say"].DisplayName);
        Assert.Equal([null, "operate"], endpoints["Say"].Metadata.GetOrderedMetadata<IAuthorizeData>().Select(data => data.Policy));
        Assert.NotNull(endpoints["Recite"].Metadata.GetMetadata<IAllowAnonymous>());
        Assert.Null(endpoints["Say"].Metadata.GetMetadata<IAllowAnonymous>());
        Assert.All(endpoints.Values, endpoint => Assert.Equal(typeof(Guarded), endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()!.ServiceType));
    }

    [Fact(Timeout = Hung)]
    public async Task Conventions_apply_to_every_method()
    {
        await using var server = await ConversationServer.StartApp(
            builder => builder.Services.AddGrpc(),
            app => app.MapGrpcService<Guarded>().WithMetadata("marked"));

        var endpoints = server.Services.GetRequiredService<EndpointDataSource>().Endpoints;

        Assert.Equal(4, endpoints.Count);
        Assert.All(endpoints, endpoint => Assert.Equal("marked", endpoint.Metadata.GetMetadata<string>()));
    }

    [Fact(Timeout = Hung)]
    public async Task A_method_sees_the_request_behind_the_call()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Say = (_, context) => Task.FromResult(new Line
            {
                Text = $"{context.Method} {context.Host} {context.Peer} {context.GetHttpContext().Request.Protocol}",
            }),
        });

        var seen = (await server.Client.SayAsync(new Line())).Text;

        Assert.Matches($@"^/platform.grpc.tests.Conversation/Say {server.Address.Authority} ipv4:127.0.0.1:\d+ HTTP/2$", seen);
    }

    [Fact]
    public async Task Mapping_without_AddGrpc_is_a_mistake() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => ConversationServer.StartApp(_ => { }, app => app.MapGrpcService<Guarded>()));

    private static Task<ConversationServer> StartGuarded() => ConversationServer.Start<Guarded>(
        builder =>
        {
            builder.Services.AddAuthentication("role").AddScheme<AuthenticationSchemeOptions, RoleHeader>("role", null);
            builder.Services.AddAuthorizationBuilder().AddPolicy("operate", policy => policy.RequireRole("operator"));
        },
        app =>
        {
            app.UseAuthentication();
            app.UseAuthorization();
        });

    [Authorize]
    private sealed class Guarded : Conversation.ConversationBase
    {
        [Authorize(Policy = "operate")]
        public override Task<Line> Say(Line request, ServerCallContext context) => Task.FromResult(request);

        [AllowAnonymous]
        public override Task Recite(Line request, IServerStreamWriter<Line> responseStream, ServerCallContext context) => Task.CompletedTask;

        public override Task<Line> Collect(IAsyncStreamReader<Line> requestStream, ServerCallContext context) => Task.FromResult(new Line());
    }

    private sealed class RoleHeader(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
            Request.Headers["role"].ToString() is { Length: > 0 } role
                ? AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity([new(ClaimTypes.Role, role)], "role")), "role"))
                : AuthenticateResult.NoResult());
    }

    private sealed class Mortal(Lives lives, Scoped scoped) : Conversation.ConversationBase, IAsyncDisposable
    {
        public override Task<Line> Say(Line request, ServerCallContext context)
        {
            lives.Born.Add(this);
            lives.Scopes.Add(scoped);
            return Task.FromResult(request);
        }

        public ValueTask DisposeAsync()
        {
            lives.Ended++;
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Scoped;

    private sealed class Lives
    {
        public List<object> Born { get; } = [];

        public List<object> Scopes { get; } = [];

        public int Ended { get; set; }
    }
}

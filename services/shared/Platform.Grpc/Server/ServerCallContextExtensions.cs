using Microsoft.AspNetCore.Http;
using Platform.Grpc.Server;

namespace Grpc.Core;

/// <summary>The HTTP request behind a call.</summary>
public static class ServerCallContextExtensions
{
    private const string UserStateKey = "__HttpContext"; // where test doubles of the real package put it

    /// <summary>The HTTP request behind a call.</summary>
    /// <exception cref="InvalidOperationException">The call came from elsewhere.</exception>
    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext) => serverCallContext switch
    {
        HttpServerCallContext call => call.Http,
        _ when serverCallContext.UserState.TryGetValue(UserStateKey, out var http) => (HttpContext)http,
        _ => throw new InvalidOperationException("This call has no HTTP request."),
    };
}

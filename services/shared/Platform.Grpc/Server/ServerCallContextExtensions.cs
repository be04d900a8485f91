using Microsoft.AspNetCore.Http;
using Platform.Grpc.Server;

namespace Grpc.Core;

/// <summary>The HTTP request behind a call.</summary>
public static class ServerCallContextExtensions
{
    /// <summary>The HTTP request behind a call.</summary>
    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext) =>
        ((HttpServerCallContext)serverCallContext).Http;
}

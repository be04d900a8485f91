using Platform.Gateway;
using Platform.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("gateway"); // telemetry, health, clock, the key that signs for callers
builder.AddGateway(); // sessions, the services behind, live events, the portal's files

var app = builder.Build();
app.UseGateway(); // what every request passes, before it is known who sends it
app.MapPlatform();
app.MapGateway();
return await app.RunPlatformAsync(args);

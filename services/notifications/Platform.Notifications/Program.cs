using Platform.Hosting;
using Platform.Notifications;
using Platform.Notifications.Notices;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("notifications"); // telemetry, health, callers, clock
builder.AddNotifications();
builder.Services.AddGrpc();

var app = builder.Build();
app.MapPlatform();
app.MapGrpcService<NoticesService>();
return await app.RunPlatformAsync(args);
